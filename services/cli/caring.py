"""What the commands that look after copies have in common."""

import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

import msgspec
import uuid_utils.compat
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from contracts.errors import Refused
from infrastructure import env
from infrastructure.postgres.moves import Moves
from infrastructure.postgres.placements import Placements
from infrastructure.postgres.primary import Primary
from infrastructure.postgres.walks import Walks
from infrastructure.storage.config import StorageConfig
from infrastructure.storage.open import Storage
from services.cli.rooms import Environment, open_primary, open_storage
from services.cli.telling import errors
from services.shared.clock import utc_now
from services.worker.care.rebalance import Hands
from services.worker.config import WorkerConfig
from services.worker.pace import Pace


class Bench(msgspec.Struct, frozen=True):
    """The rooms, open, and what is made of them.

    `copies` is how many an object has; those that moved stay for `grace`.
    """

    primary: Primary
    storage: Storage
    placements: Placements
    walks: Walks
    copies: int
    grace: timedelta

    def owners(self, key: str) -> tuple[str, ...]:
        """Where a key's copies belong."""
        return self.storage.ring.owners(key, self.copies)

    def hands(self, rate: float | None) -> Hands:
        """For work at a rate, in MB a second."""
        pace = Pace(None if rate is None else rate * 1e6, clock=time.monotonic)
        moves = Moves(self.primary, clock=utc_now, new_id=uuid_utils.compat.uuid7)
        return Hands(copies=self.storage.copies, moves=moves, pace=pace, clock=utc_now, grace=self.grace)


@asynccontextmanager
async def bench(environment: Environment) -> AsyncIterator[Bench]:
    """Opens the rooms. Raises `Refused` when there are not enough shards for the copies that objects shall have."""
    copies = env.read(StorageConfig, environment).copies
    grace = timedelta(seconds=env.read(WorkerConfig, environment).move_grace)
    async with open_primary(environment) as primary, open_storage(environment, primary) as storage:
        active = sum(shard.state == "active" for shard in storage.listed.values())
        if active < copies:
            raise Refused(f"{copies} copies need as many active shards, there are {active}.")
        yield Bench(primary, storage, Placements(primary), Walks(primary), copies, grace)


@contextmanager
def progress_bar(title: str, total: int | None) -> Iterator[Progress]:
    """A bar over bytes, on the terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=errors, transient=True) as progress:
        progress.add_task(title, total=total)
        yield progress


def as_json(value: object) -> None:
    """Prints a value for programs."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
