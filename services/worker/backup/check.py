"""Comparing the storage with an inventory, and putting back what is missing where the backup has it."""

from collections.abc import Callable

import msgspec

from contracts.errors import Unavailable
from services.shared.side_by_side import side_by_side
from services.worker.backup.back_up import WIDTH, Hear, inventory
from services.worker.backup.manifest import INVENTORY, Manifest
from services.worker.backup.ports import Backup, Copies
from services.worker.examine import Condition, examine
from services.worker.stored import Stored


class Finding(msgspec.Struct, frozen=True):
    """A copy that is not good, or was not before it was `put_back`."""

    key: str
    shard: str
    condition: Condition
    put_back: bool


class Checked(msgspec.Struct):
    """Objects of the inventory; copies that are missing, wrong, and on shards that don't answer; of these those that
    were put back; objects without a good copy anywhere.
    """

    objects: int = 0
    missing: int = 0
    wrong: int = 0
    silent: int = 0
    put_back: int = 0
    lost: int = 0

    @property
    def is_good(self) -> bool:
        """Every copy is there now and right."""
        return self.missing + self.wrong == self.put_back and not self.silent


Told = Callable[[Finding], None]


async def check(
    backup: Backup, manifest: Manifest, *, copies: Copies, mend: bool, told: Told, hear: Hear = lambda *_: None
) -> Checked:
    """Reads every copy that the inventory names; with `mend` bad ones are written anew, from the backup's own bytes or
    another copy. `told` hears of each that is not good.
    """
    done, rest = Checked(), inventory(backup.lines(INVENTORY))

    async def one_after_another() -> None:
        for stored in rest:
            await _check(stored, done, backup=backup, copies=copies, mend=mend, told=told)
            hear("objects", stored.size, manifest.bytes)

    await side_by_side(WIDTH, one_after_another)
    return done


async def _check(stored: Stored, done: Checked, *, backup: Backup, copies: Copies, mend: bool, told: Told) -> None:
    found = {shard: await examine(stored, shard, copies=copies) for shard in stored.placement}
    good = next((data for condition, data in found.values() if condition is Condition.GOOD), None)
    bad = {shard: condition for shard, (condition, _) in found.items() if condition is not Condition.GOOD}
    source = (good or _saved(stored, backup)) if bad and mend else None
    known = [shard for shard, condition in bad.items() if condition is not Condition.SILENT]
    mended = [shard for shard in known if source and await _put_back(stored, shard, source, copies)]
    for shard, condition in bad.items():
        told(Finding(stored.key, shard, condition, shard in mended))
    done.objects += 1
    done.missing += sum(condition is Condition.MISSING for condition in bad.values())
    done.wrong += sum(condition is Condition.WRONG for condition in bad.values())
    done.silent += sum(condition is Condition.SILENT for condition in bad.values())
    done.put_back += len(mended)
    done.lost += good is None and not mended and Condition.SILENT not in bad.values()


def _saved(stored: Stored, backup: Backup) -> bytes | None:
    data = backup.read_object(stored.key)
    return data if data is not None and stored.is_right(data) else None


async def _put_back(stored: Stored, shard: str, data: bytes, copies: Copies) -> bool:
    try:
        await copies.write(stored.key, shard, data, stored.content_type)
    except Unavailable:
        return False
    return (await examine(stored, shard, copies=copies))[0] is Condition.GOOD
