"""Comparing the storage with an inventory, and putting back what is missing where the backup has it."""

from collections.abc import Callable, Iterable

import msgspec
from msgspec.structs import replace

from contracts.errors import Unavailable
from services.shared.side_by_side import side_by_side
from services.worker.backup.back_up import WIDTH, Hear, blob_id, inventory, placed_now
from services.worker.backup.manifest import INVENTORY, Manifest
from services.worker.backup.ports import Backup, Copies, Placements, Record
from services.worker.care.examine import Condition, examine
from services.worker.care.stored import Stored, objects_of, with_objects


class Finding(msgspec.Struct, frozen=True):
    """A copy that is not good, or was not before it was `put_back`; `elsewhere` is a shard that has a good one without
    being named for it.
    """

    key: str
    shard: str
    condition: Condition
    put_back: bool
    elsewhere: str = ""


class Checked(msgspec.Struct):
    """Objects of the inventory; copies that are missing, wrong, and on shards that don't answer; of these those that
    were put back, and those that are named no more, since the rows name good ones elsewhere now. Objects without a good
    copy anywhere are `lost`; of `unsure` ones none was seen, but not every shard has answered.
    """

    objects: int = 0
    missing: int = 0
    wrong: int = 0
    silent: int = 0
    put_back: int = 0
    renamed: int = 0
    lost: int = 0
    unsure: int = 0
    unnamed: int = 0

    @property
    def is_good(self) -> bool:
        """Every copy is there now and right."""
        return self.missing + self.wrong + self.silent == self.put_back + self.renamed

    @property
    def is_safe(self) -> bool:
        """Of every object a good copy is named, so that no sweep can take the only ones for leftovers."""
        return not (self.lost or self.unsure or self.unnamed)


Told = Callable[[Finding], None]


class Rooms(msgspec.Struct, frozen=True):
    """Where to look, and what to put right: `record` names other copies in a row."""

    copies: Copies
    placements: Placements
    record: Record


async def check(
    backup: Backup, manifest: Manifest, *, rooms: Rooms, mend: bool, told: Told, hear: Hear = lambda *_: None
) -> Checked:
    """Reads every copy that the inventory names; `told` hears of each that is not good. Raises `Unavailable`.

    Objects may have been moved since: one without a good copy where it should be is looked for where the rows say that
    it is, then on every other shard. With `mend` bad copies are written anew, from the backup's own bytes or another
    copy; where none can be written the row gets to name the good ones that were found.
    """
    done, rest = Checked(), inventory(backup.lines(INVENTORY))

    async def one_after_another() -> None:
        for stored in rest:
            await _check(stored, done, backup=backup, rooms=rooms, mend=mend, told=told)
            hear("objects", stored.size, manifest.bytes)

    await side_by_side(WIDTH, one_after_another)
    return done


class _Seen(msgspec.Struct):
    """What was seen of an object's copies: bad ones, good ones, and the bytes of these."""

    bad: dict[str, Condition]
    good: tuple[str, ...]
    data: bytes | None

    @property
    def is_silent(self) -> bool:
        return Condition.SILENT in self.bad.values()


async def _look(stored: Stored, shards: Iterable[str], copies: Copies) -> _Seen:
    seen = _Seen({}, (), None)
    for shard in shards:
        condition, data = await examine(stored, shard, copies=copies)
        if condition is Condition.GOOD:
            seen.good, seen.data = (*seen.good, shard), data
        else:
            seen.bad[shard] = condition
    return seen


async def _check(stored: Stored, done: Checked, *, backup: Backup, rooms: Rooms, mend: bool, told: Told) -> None:
    done.objects += 1
    named = await _look(stored, stored.placement, rooms.copies)
    if named.bad and (now := await placed_now(stored, rooms.placements)) and now.placement != stored.placement:
        stored, named = now, await _look(now, now.placement, rooms.copies)
    if not named.bad:
        return
    others = sorted(rooms.copies.known - set(stored.placement)) if named.data is None else ()
    elsewhere = await _look(stored, others, rooms.copies)
    source = (named.data or elsewhere.data or _saved(stored, backup)) if mend else None
    known = [shard for shard, condition in named.bad.items() if condition is not Condition.SILENT]
    mended = [shard for shard in known if source and await _put_back(stored, shard, source, rooms.copies)]
    renamed = bool(mend and not mended and elsewhere.good and await _rename(stored, elsewhere.good, rooms))
    for shard, condition in named.bad.items():
        told(Finding(stored.key, shard, condition, shard in mended, next(iter(elsewhere.good), "")))
    _count(done, named, elsewhere, mended=len(mended), renamed=renamed)


def _count(done: Checked, named: _Seen, elsewhere: _Seen, *, mended: int, renamed: bool) -> None:
    conditions = list(named.bad.values())
    done.missing += conditions.count(Condition.MISSING)
    done.wrong += conditions.count(Condition.WRONG)
    done.silent += conditions.count(Condition.SILENT)
    done.put_back += mended
    done.renamed += len(conditions) if renamed else 0
    if named.good or mended or renamed:
        return
    if elsewhere.good:
        done.unnamed += 1
    elif named.is_silent or elsewhere.is_silent:
        done.unsure += 1
    else:
        done.lost += 1


async def _rename(stored: Stored, shards: tuple[str, ...], rooms: Rooms) -> bool:
    """Has the row name these copies. Another object of the same row may be on its way there too; then again."""
    while blob := await rooms.placements.blob(blob_id(stored)):
        if stored.key not in {one.key for one in objects_of(blob)}:
            return False
        if await rooms.record(blob, with_objects(blob, {stored.key: replace(stored, placement=shards)})):
            return True
    return False


def _saved(stored: Stored, backup: Backup) -> bytes | None:
    data = backup.read_object(stored.key)
    return data if data is not None and stored.is_right(data) else None


async def _put_back(stored: Stored, shard: str, data: bytes, copies: Copies) -> bool:
    try:
        await copies.write(stored.key, shard, data, stored.content_type)
    except Unavailable:
        return False
    return (await examine(stored, shard, copies=copies))[0] is Condition.GOOD
