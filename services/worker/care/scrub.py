"""Reading every copy, comparing it with what was recorded, and repairing it from a good one."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from contracts.errors import Unavailable
from contracts.images import Blob, Failure
from infrastructure.telemetry import metrics
from services.worker.care.examine import Condition, examine
from services.worker.care.ports import Placements, Walks
from services.worker.care.rebalance import Hands, Relocation, relocate
from services.worker.care.stored import Owners, Stored, objects_of, with_objects
from services.worker.ports import Clock

logger = logging.getLogger(__name__)

PAGE = 50
WIDTH = 4
"""Blobs read at once, and in hand at once with one object's copies in memory."""

HANDFUL = 8
"""Blobs found good that are stamped at once. Whoever is killed leaves so many to be read again."""

BYTES_LOST = Failure("BYTES_LOST", "The bytes of this image are lost: no good copy of them is left.")

WALK = "scrub"
LEASE = timedelta(minutes=5)
"""How long a worker has the background walk for one page of it."""

PAUSE = 30.0
"""Seconds between looks when there is nothing to verify, or somebody else does."""


class Scrubbed(msgspec.Struct):
    """Copies that were read and their bytes; those that were bad and those repaired; objects without a good copy, and
    blobs that could not be judged, or whose wanting copies could not be made.
    """

    copies: int = 0
    bytes: int = 0
    missing: int = 0
    wrong: int = 0
    repaired: int = 0
    lost: int = 0
    unknown: int = 0

    def add(self, more: "Scrubbed") -> None:
        """Sums up."""
        for field in self.__struct_fields__:
            setattr(self, field, getattr(self, field) + getattr(more, field))


Progress = Callable[[int, int], None]
"""Hears of copies that were read, and their bytes."""


async def scrub(
    older_than: timedelta,
    *,
    placements: Placements,
    verify: "Verify",
    clock: Clock,
    progress: Progress = lambda *_: None,
) -> Scrubbed:
    """Verifies every blob that was not found good within `older_than`. Raises `Unavailable` without the primary."""
    done, after = Scrubbed(), UUID(int=0)
    while page := await placements.page(after, PAGE):
        after = page[-1].id
        await scrub_page(page, clock() - older_than, placements=placements, verify=verify, done=done, progress=progress)
    return done


async def scrub_page(
    page: tuple[Blob, ...],
    since: datetime,
    *,
    placements: Placements,
    verify: "Verify",
    done: Scrubbed,
    progress: Progress = lambda *_: None,
) -> None:
    """Verifies those of some blobs that were not found good since a time."""
    fresh = await placements.verified([blob.id for blob in page], since)
    gate = asyncio.Semaphore(WIDTH)
    good: list[Blob] = []

    async def one(blob: Blob) -> None:
        async with gate:
            before = (done.copies, done.bytes)
            try:
                if found := await verify(blob, done):
                    good.append(found)
            except Unavailable as error:
                logger.warning("blob %s can't be verified just now: %s", blob.id, error)
                done.unknown += 1
            progress(done.copies - before[0], done.bytes - before[1])
        if len(good) >= HANDFUL:
            await _stamp(good, verify, done)

    async with asyncio.TaskGroup() as group:
        for blob in page:
            if blob.id not in fresh:
                group.create_task(one(blob))
    await _stamp(good, verify, done)


async def _stamp(good: list[Blob], verify: "Verify", done: Scrubbed) -> None:
    """Takes the blobs from the list."""
    taken = good.copy()
    good.clear()
    try:
        await verify.stamp(taken)
    except Unavailable as error:
        logger.warning("%d blobs that were found good can't be stamped just now: %s", len(taken), error)
        done.unknown += len(taken)


class Changed(Exception):
    """The row is not what it was when the verifying began."""


class Verify:
    """Verifies one blob: reads its copies, repairs them, notes what was found. Safe to repeat and to do twice."""

    def __init__(self, *, placements: Placements, owners: Owners, listed: Callable[[], set[str]], hands: Hands) -> None:
        """`listed` names the shards on the list: on others there is nothing any more."""
        self._placements = placements
        self._owners = owners
        self._listed = listed
        self._hands = hands
        self._copies = hands.copies
        self._moves = hands.moves

    async def repair(self, blob_id: UUID) -> None:
        """Verifies a blob of which a bad copy was seen. Raises `Unavailable`."""
        blob = await self._placements.blob(blob_id)
        if blob is not None:
            done = Scrubbed()
            if found := await self(blob, done):
                await self.stamp([found])
            if done.unknown:
                raise Unavailable("A shard with a copy does not answer.")

    async def __call__(self, blob: Blob, done: Scrubbed) -> Blob | None:
        """Adds to `done` what was found; the blob as it is recorded if all its copies are good now, so that it is to be
        stamped.

        Raises `Unavailable` when the primary is not there.
        """
        found = Scrubbed()
        good = None
        try:
            good = await self._verify(blob, found)
        except Changed:
            found = Scrubbed(copies=found.copies, bytes=found.bytes)
        done.add(found)
        return good

    async def stamp(self, good: list[Blob]) -> None:
        """Notes that all copies of these are good; what was thought to be lost is there. Raises `Unavailable`."""
        if not good:
            return
        for blob_id, code in (await self._moves.stamp(good)).items():
            if code == BYTES_LOST.code:
                await self._moves.record_found(blob_id, code)

    async def _verify(self, blob: Blob, done: Scrubbed) -> Blob | None:
        examined = [await self._examine(blob, stored, done) for stored in objects_of(blob)]
        known = [state for state in examined if state]
        good = [state.stored for state in known if state.condition is Condition.GOOD]
        lost = [state.stored for state in known if state.condition is not Condition.GOOD]
        done.unknown += len(known) < len(examined)
        done.lost += len(lost)
        if len(good) == len(examined):
            return await self._make_up(blob, good, done)
        await self._note_lost(blob, lost)
        return None

    async def _examine(self, blob: Blob, stored: Stored, done: Scrubbed) -> "Examined | None":
        """The state of an object once its copies are repaired; None where a silent shard leaves that open."""
        read = await asyncio.gather(*(self._read(stored, shard, done) for shard in stored.placement))
        found = dict(zip(stored.placement, read, strict=True))
        good = next((data for condition, data in found.values() if condition is Condition.GOOD), None)
        bad = [shard for shard, (condition, _) in found.items() if condition in {Condition.MISSING, Condition.WRONG}]
        if bad:
            await self._require_unchanged(blob)
        if good is None:
            silent = any(condition is Condition.SILENT for condition, _ in found.values())
            return None if silent else Examined(stored, Condition.MISSING)
        repaired = [await self._repair(stored, shard, good, done) for shard in bad]
        known = all(condition is not Condition.SILENT for condition, _ in found.values())
        return Examined(stored.with_checksum(good), Condition.GOOD) if known and all(repaired) else None

    async def _require_unchanged(self, blob: Blob) -> None:
        """Passes when the row still names these copies. Raises `Changed`, for then they went with it."""
        current = await self._placements.blob(blob.id)
        if current is None or objects_of(current) != objects_of(blob):
            raise Changed

    async def _read(self, stored: Stored, shard: str, done: Scrubbed) -> tuple[Condition, bytes]:
        if shard not in self._listed():
            return Condition.MISSING, b""
        if shard in self._copies.reachable:
            await self._hands.pace.spend(stored.size)
        condition, data = await examine(stored, shard, copies=self._copies)
        if condition is Condition.MISSING:
            done.missing += 1
            logger.warning("the copy of %s on shard %s is missing", stored.key, shard)
        elif condition is not Condition.SILENT:
            done.copies += 1
            done.bytes += len(data)
        if condition is Condition.WRONG:
            done.wrong += 1
            logger.error("the copy of %s on shard %s has other bytes than it should", stored.key, shard)
        return condition, data

    async def _repair(self, stored: Stored, shard: str, data: bytes, done: Scrubbed) -> bool:
        """Whether the copy is good now. One on a shard that is gone is for the rebalancing to move."""
        if shard not in self._listed():
            return False
        try:
            # Should the image be erased this moment, the copy goes again.
            await self._moves.intend([(stored.key, shard)], self._hands.clock() + self._hands.grace)
            await self._copies.write(stored.key, shard, data, stored.content_type)
            is_good = await stored.is_right_soon(await self._copies.read(stored.key, shard))
        except Unavailable:
            return False
        if is_good:
            done.repaired += 1
            metrics.copies_repaired.inc()
            logger.warning("the copy of %s on shard %s is repaired", stored.key, shard)
        return is_good

    async def _make_up(self, blob: Blob, objects: list[Stored], done: Scrubbed) -> Blob | None:
        """For copies that were never made and checksums that were never recorded. The blob as it is recorded then; None
        where copies were wanting, for those that are there now nobody has read yet.
        """
        wanted = [move for stored in objects if (move := self._relocation(stored))]
        if wanted:
            possible = [move for move in wanted if self._copies.reachable.issuperset(move.add)]
            if len(possible) < len(wanted):
                logger.warning("blob %s lacks copies, and a shard that should have them does not answer", blob.id)
                done.unknown += 1
            if possible:
                await relocate(blob, possible, hands=self._hands)
            return None
        named = with_objects(blob, {stored.key: stored for stored in objects})
        if named != blob:
            await self._moves.record(blob, named, discarded=(), not_before=self._hands.clock())
        return named

    def _relocation(self, stored: Stored) -> Relocation | None:
        """Of an object that was stored with fewer copies than it should have."""
        wanted = self._owners(stored.key)
        missing = len(wanted) - len(stored.placement)
        add = tuple(name for name in wanted if name not in stored.placement)[: max(missing, 0)]
        return Relocation(stored, (*stored.placement, *add), add, ()) if add else None

    async def _note_lost(self, blob: Blob, lost: list[Stored]) -> None:
        """Says so, loudly: an original is gone for good, a derivative is made anew."""
        keys = {stored.key for stored in lost}
        if blob.key in keys:
            metrics.bytes_lost.inc()
            logger.critical("no good copy of %s is left", blob.key)
            await self._moves.record_lost(blob.id, BYTES_LOST)
        elif variants := sorted({stored.variant for stored in lost}):
            logger.error("no good copy is left of %s; they are made anew", ", ".join(sorted(keys)))
            await self._moves.request_rerender(blob.id, variants)


class Examined(msgspec.Struct, frozen=True):
    """An object and whether its copies are good, or none is."""

    stored: Stored
    condition: Condition


async def keep_scrubbing(
    older_than: timedelta, *, placements: Placements, verify: Verify, walks: Walks, clock: Clock
) -> None:
    """Walks over all blobs again and again until cancelled, a page at a time, one worker of all."""
    while True:
        await asyncio.sleep(PAUSE)
        try:
            while await _step(older_than, placements, verify, walks, clock):
                pass
        except Unavailable as error:
            logger.warning("copies can't be verified just now: %s", error)
        except Exception:  # one blob must not end the walk
            logger.exception("copies could not be verified")


async def _step(older_than: timedelta, placements: Placements, verify: Verify, walks: Walks, clock: Clock) -> bool:
    """Verifies one page; False at the end, or when somebody else does it."""
    after = await walks.claim(WALK, LEASE)
    if after is None:
        return False
    try:
        page = await placements.page(after, PAGE)
        await scrub_page(page, clock() - older_than, placements=placements, verify=verify, done=Scrubbed())
        await walks.save(WALK, page[-1].id if page else UUID(int=0))
    finally:
        await walks.release(WALK)
    return bool(page)
