"""Everything that looks after copies, on one test's servers, and looks at what it did."""

import time
from datetime import timedelta
from uuid import UUID, uuid4

from contracts.events import decode
from infrastructure.postgres.discarded import Discarded
from infrastructure.postgres.moves import Moves
from infrastructure.postgres.placements import Placements
from infrastructure.postgres.walks import Walks
from infrastructure.storage.ring import Ring
from services.shared.clock import utc_now
from services.worker.care.rebalance import Hands, rebalance
from services.worker.care.scrub import Verify, scrub
from services.worker.care.sweep import sweep
from services.worker.discard import discard
from services.worker.pace import Pace
from tests.component.services.looking import rows

AT_ONCE = timedelta(0)
BEGINNING = UUID(int=0)


class Keeper:
    """Rebalances, scrubs, sweeps and discards as a worker and the command line do."""

    def __init__(self, primary, storage):
        self.storage = storage
        self.placements = Placements(primary)
        self.walks = Walks(primary)
        self.discarded = Discarded(primary)
        self.moves = Moves(primary, clock=utc_now, new_id=uuid4)
        self.ring = storage.ring
        pace = Pace(None, clock=time.monotonic)
        self.hands = Hands(copies=storage.copies, moves=self.moves, pace=pace, clock=utc_now, grace=AT_ONCE)
        self.verify = Verify(
            placements=self.placements, owners=self.owners, listed=lambda: set(storage.listed), hands=self.hands
        )

    def owners(self, key):
        return self.ring.owners(key, 2)

    def without(self, *names):
        """From now on the ring has only the other shards."""
        self.ring = Ring({name: 1 for name in self.storage.shards if name not in names})

    async def rebalance(self, *, resume=False, version=1):
        tools = {"owners": self.owners, "placements": self.placements, "walks": self.walks, "hands": self.hands}
        return await rebalance(version, resume=resume, **tools)

    async def scrub(self, older_than=AT_ONCE):
        return await scrub(older_than, placements=self.placements, verify=self.verify, clock=utc_now)

    async def sweep(self, grace=AT_ONCE, *, dry_run=False):
        tools = {"copies": self.storage.copies, "placements": self.placements, "clock": utc_now}
        return [await sweep(name, grace, dry_run=dry_run, **tools) for name in sorted(self.storage.shards)]

    async def discard(self):
        while await discard(discarded=self.discarded, objects=self.storage.objects, clock=utc_now):
            pass

    async def on(self, name):
        """Keys of the objects on a shard."""
        return {info.key async for info in self.storage.shards[name].list()}


async def placements(database):
    """Where the rows say that the originals are."""
    return {
        f"{row['id']}/original": tuple(row["placement"])
        for row in await rows(database, "SELECT id, placement FROM blobs")
    }


async def events(database, kind):
    """The events of a kind that were written."""
    found = [decode(row["payload"]) for row in await rows(database, "SELECT payload FROM outbox ORDER BY created_at")]
    return [event for event in found if isinstance(event, kind)]
