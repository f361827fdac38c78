"""`python -m tests.bench.changes PRIMARY IDS RATE`: changes images, so many a second, until it is ended.

Through the ledger itself, so that rows, events and the relay's wake-up are what they are when people change images.
"""

import asyncio
import sys
from itertools import cycle
from pathlib import Path
from uuid import UUID, uuid4

import msgspec

from contracts.images import Image
from infrastructure.postgres.changes import StoredImage
from infrastructure.postgres.config import PrimaryConfig
from infrastructure.postgres.ledger import Ledger
from infrastructure.postgres.primary import open_primary
from services.shared.clock import utc_now


async def change(primary: str, images: list[UUID], rate: float) -> None:
    """Each change begins in its own moment, whether those before it have ended or not."""
    ids = cycle(images)
    async with open_primary(PrimaryConfig(primary=primary)) as opened:
        ledger = Ledger(opened, clock=utc_now, new_id=uuid4)
        loop = asyncio.get_running_loop()
        due = loop.time()
        under_way: set[asyncio.Task[object]] = set()
        while True:
            task = asyncio.create_task(ledger.update(next(ids), _reworded))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            due += 1 / rate
            await asyncio.sleep(max(0.0, due - loop.time()))


def _reworded(stored: StoredImage) -> Image:
    return msgspec.structs.replace(stored.image, description=uuid4().hex)


if __name__ == "__main__":
    _, server, file, a_second = sys.argv
    asyncio.run(change(server, msgspec.json.decode(Path(file).read_bytes(), type=list[UUID]), float(a_second)))
