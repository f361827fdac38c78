"""Saving objects that go or move meanwhile; backups that this release can't restore."""

from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from contracts.errors import ObjectMissing, Refused
from contracts.images import Blob, Derivative
from services.worker.backup.back_up import back_up
from services.worker.backup.check import Rooms, check
from services.worker.backup.manifest import MANIFEST, Table, decode, encode
from services.worker.backup.restore import open_manifest, restore
from services.worker.care.stored import digest

NOW = datetime(2026, 11, 26, tzinfo=UTC)


class Directory:
    """A backup in memory."""

    def __init__(self):
        self.files = {}
        self.objects = {}

    @asynccontextmanager
    async def open_snapshot(self, blobs):
        yield Snapshot(blobs)

    def compressed(self, name):
        @contextmanager
        def writing() -> Iterator:
            self.files[name] = b""

            def write(data):
                self.files[name] += data

            yield write

        return writing()

    def write(self, name, data):
        self.files[name] = data

    def write_object(self, key, data):
        self.objects[key] = data

    def read_object(self, key):
        return self.objects.get(key)

    def lines(self, name):
        return iter(self.files[name].splitlines())

    def read(self, name):
        return self.files[name]

    def chunks(self, name):
        return iter((self.files[name],))

    def verify(self):
        return frozenset(self.files)


class Snapshot:
    """Blobs and no other rows."""

    def __init__(self, blobs):
        self._blobs = blobs

    async def migrations(self):
        return ("1",)

    async def relations(self):
        return ()

    async def blobs(self, after, limit):
        return tuple(blob for blob in self._blobs if blob.id > after)


class Shards:
    """Copies by key and shard, and what the rows say now."""

    reachable = frozenset({"a", "b", "c"})
    known = reachable | {"elsewhere"}

    def __init__(self, copies, now=()):
        self.copies = copies
        self.now = {blob.id: blob for blob in now}

    async def read(self, key, shard):
        try:
            return self.copies[key, shard]
        except KeyError:
            raise ObjectMissing from None

    async def write(self, key, shard, data, content_type):
        self.copies[key, shard] = data
        return True

    async def blob(self, blob_id):
        return self.now.get(blob_id)

    async def record(self, before, after):
        if self.now[before.id] != before:
            return False
        self.now[before.id] = after
        return True


def blob(number, data, *placement):
    return Blob(UUID(int=number), digest(data), len(data), "image/png", 1, 1, 1, placement)


async def save(directory, blobs, shards):
    """A backup with objects."""
    return await back_up(
        directory,
        open_snapshot=lambda: directory.open_snapshot(blobs),
        copies=shards,
        placements=shards,
        clock=lambda: NOW,
    )


async def test_objects_are_saved_from_where_they_are_right():
    """One has moved, one was deleted by its owner, one has a bad copy, and one is lost, which counts."""
    moved, gone, spoilt, lost = (blob(n, b"%d" % n, "a", "b") for n in range(1, 5))
    now = [msgspec.structs.replace(moved, placement=("c",)), spoilt, lost]
    shards = Shards({(moved.key, "c"): b"1", (spoilt.key, "a"): b"x", (spoilt.key, "b"): b"3"}, now)
    directory = Directory()
    manifest = await save(directory, [moved, gone, spoilt, lost], shards)
    assert directory.objects == {moved.key: b"1", spoilt.key: b"3"}
    assert (manifest.objects, manifest.bytes, manifest.absent) == (4, 4, 1)


async def test_a_copy_on_a_silent_shard_is_not_called_missing():
    """Nothing is known of it; what the backup has is put where it can be put."""
    one = blob(1, b"1", "a", "elsewhere")
    directory, shards = Directory(), Shards({(one.key, "a"): b"1"}, [one])
    manifest = await save(directory, [one], shards)
    shards.copies.clear()
    told = []
    done = await look(directory, manifest, shards, told=told.append)
    assert {(finding.shard, finding.condition.value, finding.put_back) for finding in told} == {
        ("a", "missing", True),
        ("elsewhere", "silent", False),
    }
    assert (done.is_good, done.lost, shards.copies) == (False, 0, {(one.key, "a"): b"1"})


async def test_what_was_moved_since_is_put_back_from_where_it_is():
    """Both copies are on other shards than at the moment of the backup: nothing is lost, and those are named again."""
    one = blob(1, b"1", "a", "b")
    directory, shards = Directory(), Shards({(one.key, "c"): b"1"}, [one])
    manifest = await save(directory, [one], Shards({(one.key, "a"): b"1"}, [one]))
    directory.objects.clear()
    told = []
    done = await look(directory, manifest, shards, mend=False, told=told.append)
    assert (done.unnamed, done.lost, done.is_safe, told[0].elsewhere) == (1, 0, False, "c")
    done = await look(directory, manifest, shards)
    assert (done.put_back, done.lost, done.is_good, done.is_safe) == (2, 0, True, True)
    assert set(shards.copies) == {(one.key, shard) for shard in "abc"}


async def test_rows_name_good_copies_where_the_old_places_are_gone():
    """Each object of a row, at the same time; what can't be written to its place is where it is."""
    one = blob(1, b"1", "gone", "elsewhere")
    made = Derivative("small", "image/webp", f"{one.id}/small", 1, 1, 1, ("gone",), sha256=digest(b"2"))
    one = msgspec.structs.replace(one, derivatives=(made,))
    directory, shards = Directory(), Shards({(one.key, "b"): b"1", (one.key, "c"): b"1", (made.key, "c"): b"2"}, [one])
    manifest = await save(directory, [one], shards)
    directory.objects.clear()
    done = await look(directory, manifest, shards)
    assert (done.silent, done.renamed, done.is_good, done.is_safe) == (3, 3, True, True)
    now = shards.now[one.id]
    assert (now.placement, now.derivatives[0].placement) == (("b", "c"), ("c",))
    # Where the rows say so nothing is missing.
    assert (await look(directory, manifest, shards, mend=False)).is_good


async def test_what_a_silent_shard_may_have_is_not_lost_and_not_safe():
    """It is not known; nor does a row that is gone get copies named."""
    one, gone = blob(1, b"1", "a"), blob(2, b"2", "gone")
    directory, shards = Directory(), Shards({(gone.key, "a"): b"2"}, [one])
    manifest = await save(directory, [one, gone], shards)
    directory.objects.clear()
    done = await look(directory, manifest, shards)
    assert (done.unsure, done.unnamed, done.lost, done.is_safe) == (1, 1, 0, False)
    shards.known = shards.reachable
    done = await look(directory, manifest, shards)
    assert (done.unsure, done.unnamed, done.lost, done.is_safe) == (0, 1, 1, False)


async def look(directory, manifest, shards, *, mend=True, told=lambda _: None):
    """A check of all that the backup names."""
    rooms = Rooms(shards, shards, shards.record)
    return await check(directory, manifest, rooms=rooms, mend=mend, told=told)


async def test_a_backup_of_a_newer_release_is_refused():
    """By its format, or by a migration that is not known here."""
    directory = Directory()
    manifest = await save(directory, [], Shards({}))
    with pytest.raises(Refused, match="newer release"):
        await restore(directory, manifest, database=Newer(), forget=())
    directory.files[MANIFEST] = encode(msgspec.structs.replace(manifest, format=2))
    with pytest.raises(Refused, match="format 2"):
        await open_manifest(directory)


async def test_a_backup_lacks_nothing_that_its_manifest_tells_of():
    """Neither a checksum, for the end of a list may be missing, nor a line."""
    directory, one = Directory(), blob(1, b"1", "a")
    manifest = await save(directory, [one], Shards({(one.key, "a"): b"1"}, [one]))
    table = Table("images", ("id",), 2)
    directory.files |= {MANIFEST: encode(msgspec.structs.replace(manifest, tables=(table,))), table.file: b"1\n2\n"}
    assert (await open_manifest(directory)).rows == 2
    for name, data in list(directory.files.items()):
        del directory.files[name]
        with pytest.raises(Refused, match=f"no checksum for {name}"):
            await open_manifest(directory)
        if name != MANIFEST:
            directory.files[name] = data.partition(b"\n")[0]
            with pytest.raises(Refused, match="lines"):
                await open_manifest(directory)
        directory.files[name] = data


@pytest.mark.parametrize("data", [b"", b"{}", b'{"format": 1}'])
def test_a_manifest_that_says_nothing_is_damaged(data):
    """Whatever is missing in it."""
    with pytest.raises(Refused, match="damaged"):
        decode(data)


class Newer:
    """A database of a release that lacks a migration."""

    def unknown(self, migrations):
        return list(migrations)
