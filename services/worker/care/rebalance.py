"""Moving objects to where the ring wants them, while everything goes on.

For each blob that has objects elsewhere:

1. the copies to come are written down as to be deleted, so that a death leaves nothing behind: those of several blobs
   at once;
2. each object is read from a copy that is right, written to its new shards, and verified there: by the shard's own
   checksum of what it stored, or read back where it tells none;
3. the row names the new places, if it is still as it was, with an event for each image; what it named before is given
   up and deleted after a grace period, when no reader can be on the way to it.

Nothing else is kept, so whoever is killed is followed by somebody who looks at the rows and goes on.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import timedelta
from itertools import zip_longest
from uuid import UUID

import msgspec
from msgspec.structs import replace

from contracts.errors import ObjectMissing, Unavailable
from contracts.images import Blob
from infrastructure.failpoints import failpoint
from services.worker.care.ports import Copies, Moves, Placements, Walks
from services.worker.care.stored import Owners, Stored, objects_of, with_objects
from services.worker.pace import Pace
from services.worker.ports import Clock

logger = logging.getLogger(__name__)

PAGE = 200
"""Blobs read at once."""

WIDTH = 8
"""Blobs in hand at once, each with its original and its few derivatives in memory."""

HANDFUL, HANDFUL_BYTES = 32, 64_000_000
"""Blobs, and bytes to be written for them, whose copies to come are written down at once."""

INTENT = timedelta(hours=1)
"""How long copies stay that nobody came to name. A blob is moved within half of that or not at all."""

WALK = "rebalance"


class Relocation(msgspec.Struct, frozen=True):
    """An object that lies elsewhere than it should: where it belongs, where it has to be put, and what goes."""

    stored: Stored
    wanted: tuple[str, ...]
    add: tuple[str, ...]
    drop: tuple[str, ...]


class Survey(msgspec.Struct, frozen=True):
    """What is to be moved: objects and bytes, in all and by (from, to)."""

    objects: int
    bytes: int
    routes: dict[tuple[str, str], tuple[int, int]]


class Errand(msgspec.Struct, frozen=True):
    """A blob and those of its objects that lie elsewhere than they should."""

    blob: Blob
    moves: list[Relocation]

    @property
    def bytes(self) -> int:
        """How many have to be written."""
        return sum(move.stored.size * len(move.add) for move in self.moves)


class Rebalanced(msgspec.Struct):
    """What became of it: objects and bytes that were moved, and objects that were left for another time."""

    objects: int = 0
    bytes: int = 0
    left: int = 0


Progress = Callable[[int, int], None]
"""Hears of objects that were moved, and their bytes."""


def relocations(blob: Blob, owners: Owners) -> list[Relocation]:
    """The objects of a blob that lie elsewhere than they should."""
    found = []
    for stored in objects_of(blob):
        wanted = owners(stored.key)
        add = tuple(name for name in wanted if name not in stored.placement)
        drop = tuple(name for name in stored.placement if name not in wanted)
        if add or drop:
            found.append(Relocation(stored, wanted, add, drop))
    return found


async def survey(*, placements: Placements, owners: Owners) -> Survey:
    """Rows and ring -> what would be moved. Looks at every blob. Raises `Unavailable`."""
    objects: Counter[tuple[str, str]] = Counter()
    size: Counter[tuple[str, str]] = Counter()
    total = 0
    async for blob in _walk(placements, UUID(int=0)):
        for move in relocations(blob, owners):
            total += 1
            for source, target in zip_longest(move.drop, move.add, fillvalue=""):
                objects[source, target] += 1
                size[source, target] += move.stored.size if target else 0
    return Survey(total, size.total(), {route: (objects[route], size[route]) for route in sorted(objects)})


class Hands(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to move an object: the shards, the rows, a rate and a clock. Old copies stay for `grace`."""

    copies: Copies
    moves: Moves
    pace: Pace
    clock: Clock
    grace: timedelta


async def rebalance(
    version: int,
    *,
    resume: bool,
    owners: Owners,
    placements: Placements,
    walks: Walks,
    hands: Hands,
    progress: Progress = lambda *_: None,
) -> Rebalanced:
    """Moves everything to its owners; `version` is that of the list of shards they come from.

    With `resume` it begins where the last run with this list had come to. What can't be moved now, because a shard is
    avoided or somebody else changed the row, is left and counted. Raises `Unavailable` when the primary is not there.
    """
    done = Rebalanced()
    after = await walks.position(WALK, version) if resume else UUID(int=0)
    while page := await placements.page(after, PAGE):
        after = page[-1].id
        errands = [Errand(blob, found) for blob in page if (found := relocations(blob, owners))]
        await _run(errands, hands, done, progress)
        await walks.save(WALK, after, version=version)
    await walks.save(WALK, UUID(int=0), version=version)
    return done


async def _run(errands: list[Errand], hands: Hands, done: Rebalanced, progress: Progress) -> None:
    """Runs all, so many at once; those of the next handful are written down while the last are on their way."""
    gate = asyncio.Semaphore(WIDTH)

    async def one(errand: Errand, until: float) -> None:
        try:
            await _settle(errand, until, hands, done, progress)
        finally:
            gate.release()

    async with asyncio.TaskGroup() as group:
        for handful in handfuls(errands):
            possible = _possible(handful, hands, done)
            until = asyncio.get_running_loop().time() + INTENT.total_seconds() / 2
            if not await _write_down(possible, hands, done):
                continue
            for errand in possible:
                await gate.acquire()
                group.create_task(one(errand, until))


def handfuls(errands: Iterable[Errand]) -> Iterator[list[Errand]]:
    """In their order, as many together as `HANDFUL` and `HANDFUL_BYTES` allow, but at least one."""
    handful: list[Errand] = []
    for errand in errands:
        size = errand.bytes + sum(other.bytes for other in handful)
        if handful and (len(handful) == HANDFUL or size > HANDFUL_BYTES):
            yield handful
            handful = []
        handful.append(errand)
    if handful:
        yield handful


def _possible(errands: list[Errand], hands: Hands, done: Rebalanced) -> list[Errand]:
    """What of them no avoided shard prevents; counts the rest."""
    reachable = hands.copies.reachable
    found = [Errand(errand.blob, [m for m in errand.moves if reachable.issuperset(m.add)]) for errand in errands]
    done.left += sum(len(errand.moves) for errand in errands) - sum(len(errand.moves) for errand in found)
    return [errand for errand in found if errand.moves]


async def _write_down(errands: list[Errand], hands: Hands, done: Rebalanced) -> bool:
    """Whether the copies to come are written down; counts them as left if not."""
    try:
        await _intend([move for errand in errands for move in errand.moves], hands=hands)
    except Unavailable as error:
        logger.warning("%d blobs stay where they are for now: %r", len(errands), error)
        done.left += sum(len(errand.moves) for errand in errands)
        return False
    return True


async def _settle(errand: Errand, until: float, hands: Hands, done: Rebalanced, progress: Progress) -> None:
    """Moves what of a blob can still be moved, and counts. Gives up at `until`, by the loop's clock."""
    for possible in _possible([errand], hands, done):
        try:
            async with asyncio.timeout_at(until):
                moved = await _move(possible, hands)
        except (Unavailable, TimeoutError) as error:
            logger.warning("blob %s stays where it is for now: %r", errand.blob.id, error)
            moved = False
        if moved:
            done.objects += len(possible.moves)
            done.bytes += possible.bytes
            progress(len(possible.moves), possible.bytes)
        else:
            done.left += len(possible.moves)


async def relocate(blob: Blob, found: list[Relocation], *, hands: Hands) -> bool:
    """Copies, verifies and switches the row. False when somebody else has changed it. Raises `Unavailable`."""
    await _intend(found, hands=hands)
    return await _move(Errand(blob, found), hands)


async def _intend(found: list[Relocation], *, hands: Hands) -> None:
    """Writes down the copies to come. Raises `Unavailable`."""
    if new := [(move.stored.key, shard) for move in found for shard in move.add]:
        await hands.moves.intend(new, hands.clock() + INTENT)


async def _move(errand: Errand, hands: Hands) -> bool:
    """`relocate`, when the copies to come are written down."""
    copied = await asyncio.gather(*(_copy(move, hands) for move in errand.moves))
    changed = {stored.key: stored for stored in copied}
    old = [(move.stored.key, shard) for move in errand.moves for shard in move.drop]
    await failpoint("rebalance.before_row")
    not_before = hands.clock() + hands.grace
    after = with_objects(errand.blob, changed)
    return await hands.moves.record(errand.blob, after, discarded=old, not_before=not_before)


async def _copy(move: Relocation, hands: Hands) -> Stored:
    """The object as the row shall have it, once all new copies are there and right."""
    stored = replace(move.stored, placement=move.wanted)
    if not move.add:
        return stored
    await hands.pace.spend(stored.size * len(move.add))
    data = await read_good(move.stored, hands.copies)
    stored = stored.with_checksum(data)
    await asyncio.gather(*(_write(stored, shard, data, hands.copies) for shard in move.add))
    return stored


async def _write(stored: Stored, shard: str, data: bytes, copies: Copies) -> None:
    is_confirmed = await copies.write(stored.key, shard, data, stored.content_type)
    if not is_confirmed and not await stored.is_right_soon(await copies.read(stored.key, shard)):
        raise Unavailable(f"Shard {shard} does not give back what was put there.")


async def read_good(stored: Stored, copies: Copies) -> bytes:
    """The bytes of a copy that is right. Raises `ObjectMissing` when none is, `Unavailable` when one may be."""
    silent: Unavailable | None = None
    for shard in sorted(stored.placement, key=lambda name: name not in copies.reachable):
        try:
            data = await copies.read(stored.key, shard)
        except ObjectMissing:
            continue
        except Unavailable as error:
            silent = error
            continue
        if await stored.is_right_soon(data):
            return data
    raise silent or ObjectMissing


async def _walk(placements: Placements, after: UUID) -> AsyncIterator[Blob]:
    while page := await placements.page(after, PAGE):
        for blob in page:
            yield blob
        after = page[-1].id
