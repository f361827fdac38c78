"""A shard in a directory: whole files or none, and no mistaking an unmounted disk for an empty one."""

import os
import shutil
import stat
import threading
from pathlib import Path
from uuid import uuid4

import pytest

from contracts.errors import ObjectMissing
from infrastructure.storage import files
from infrastructure.storage.files import INCOMING, LEFTOVER_AGE
from infrastructure.storage.shard import ShardFailed, ShardMisconfigured, is_key
from tests.component.storage.conftest import HASTY, directory_shard

DATA = memoryview(b"x" * 500_000)


@pytest.fixture
async def shard(tmp_path):
    async with directory_shard(tmp_path) as shard:
        yield shard


async def put(shard, key):
    await shard.put(key, DATA, "image/jpeg")


def incoming(tmp_path):
    return list((tmp_path / INCOMING).iterdir())


async def test_an_object_is_a_file_that_anybody_may_read(shard, tmp_path, key):
    """nginx, another user, serves it as it lies there."""
    await put(shard, key)
    assert (tmp_path / key).read_bytes() == DATA
    assert stat.S_IMODE((tmp_path / key).stat().st_mode) == 0o644
    assert incoming(tmp_path) == []


async def test_a_narrow_umask_keeps_nobody_out(shard, tmp_path, key):
    """The object's folder can be entered by all, whatever the service was started with."""
    before = os.umask(0o077)
    try:
        await put(shard, key)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / key).parent.stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / key).stat().st_mode) == 0o644


async def test_the_last_object_takes_its_directory_with_it(shard, tmp_path, key):
    """Nothing is left of an erased image."""
    await put(shard, key)
    await shard.delete(key)
    assert [path.name for path in tmp_path.iterdir()] == [INCOMING]


async def test_a_write_that_fails_leaves_nothing(shard, tmp_path, key, monkeypatch):
    """A full disk: no object, no part of one."""

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(ShardFailed) as caught:
        await put(shard, key)
    assert caught.value.reason == "No space left on device"
    monkeypatch.undo()
    assert incoming(tmp_path) == []
    assert await shard.head(key) is None


async def test_everything_is_synced_before_it_counts(shard, tmp_path, key, monkeypatch):
    """The bytes before the name, the name before the answer."""
    steps = []
    sync, replace = os.fsync, files.Path.replace

    def synced(descriptor):
        steps.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        sync(descriptor)

    def renamed(path, target):
        steps.append("rename")
        return replace(path, target)

    monkeypatch.setattr(files.os, "fsync", synced)
    monkeypatch.setattr(files.Path, "replace", renamed)
    await put(shard, key)
    aside, *rest = steps
    assert aside.startswith(str(tmp_path / INCOMING))
    assert rest == ["rename", str((tmp_path / key).parent), str(tmp_path)]


async def test_a_delete_that_takes_the_directory_away_does_not_spoil_a_put(shard, tmp_path, key, monkeypatch):
    """The directory is made again."""
    replace, lost = files.Path.replace, []

    def renamed(path, target):
        if not lost:
            lost.append(target.parent)
            target.parent.rmdir()
        return replace(path, target)

    monkeypatch.setattr(files.Path, "replace", renamed)
    await put(shard, key)
    assert lost == [(tmp_path / key).parent]
    assert await shard.get(key) == DATA


async def test_a_directory_that_keeps_vanishing_is_a_failure(shard, tmp_path, key, monkeypatch):
    """Tries are bounded."""

    def renamed(path, target):
        raise FileNotFoundError(target)

    monkeypatch.setattr(files.Path, "replace", renamed)
    with pytest.raises(ShardFailed):
        await put(shard, key)
    monkeypatch.undo()
    assert incoming(tmp_path) == []


async def test_what_dead_processes_left_is_removed_at_the_start(tmp_path):
    """By age: a young file may be somebody's upload."""
    (tmp_path / INCOMING).mkdir()
    old, young = tmp_path / INCOMING / "old", tmp_path / INCOMING / "young"
    for path in (old, young):
        path.touch()
    age = young.stat().st_mtime - LEFTOVER_AGE - 60
    os.utime(old, (age, age))
    async with directory_shard(tmp_path):
        assert incoming(tmp_path) == [young]


async def test_on_a_disk_that_is_not_mounted_nothing_is_absent(shard, tmp_path, key):
    """The mount point is an empty directory then; it is not taken for a shard that lost everything."""
    (tmp_path / INCOMING).rmdir()
    for call in (put(shard, key), shard.get(key), shard.head(key), shard.delete(key), shard.ping()):
        with pytest.raises(ShardFailed):
            await call
    with pytest.raises(ShardFailed):
        _ = [info async for info in shard.list()]
    assert list(tmp_path.iterdir()) == []


async def test_a_directory_that_is_not_there_is_named(tmp_path):
    """It is not made: a typing error would become a shard."""
    async with directory_shard(tmp_path / "absent") as shard:
        with pytest.raises(ShardMisconfigured) as caught:
            await shard.ping()
    assert f"there is no directory {tmp_path / 'absent' / INCOMING}" in caught.value.reason
    assert not (tmp_path / "absent").exists()


async def test_a_directory_that_is_not_ours_to_write_is_named(shard, tmp_path, monkeypatch):
    """Root may write anywhere, so the answer of the system is put in its mouth."""
    monkeypatch.setattr(files.os, "access", lambda *_: False)
    with pytest.raises(ShardMisconfigured) as caught:
        await shard.ping()
    assert caught.value.reason == f"directory {tmp_path} can't be written to"


async def test_a_disk_that_hangs_costs_a_deadline(tmp_path, key, monkeypatch):
    """The caller goes on; the thread can't."""
    gate, sync = threading.Event(), os.fsync

    def hang(descriptor):
        gate.wait(10)
        sync(descriptor)

    monkeypatch.setattr(files.os, "fsync", hang)
    async with directory_shard(tmp_path, deadlines=HASTY) as shard:
        with pytest.raises(ShardFailed) as caught:
            await put(shard, key)
    gate.set()
    assert caught.value.reason == "no answer within 0.6 s"


async def test_other_files_are_not_objects(shard, tmp_path, key):
    """Whatever somebody put there, the listing and the objects are not disturbed."""
    await put(shard, key)
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "lost+found" / "original").touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / key).with_name(".hidden").touch()
    (tmp_path / key).with_name("sub").mkdir()
    assert [info.key async for info in shard.list()] == [key]


async def test_what_is_deleted_during_a_listing_was_not_there(shard, tmp_path, monkeypatch):
    """One object, or the last of an id: the others are listed all the same."""
    blobs = [str(uuid4()) for _ in range(3)]
    keys = {f"{blob}/{name}" for blob in blobs for name in ("original", "small", "large")}
    for key in keys:
        await put(shard, key)
    gone = {f"{blobs[0]}/small", *(key for key in keys if key.startswith(blobs[1]))}

    def seen(key):
        if key in gone:
            (tmp_path / key).unlink()
        if key == f"{blobs[1]}/x":
            shutil.rmtree(tmp_path / blobs[1])
        return is_key(key)

    monkeypatch.setattr(files, "is_key", seen)
    assert {info.key async for info in shard.list()} == keys - gone


async def test_a_listing_that_can_not_be_completed_fails(shard, tmp_path, monkeypatch):
    """What could not be looked into is not nothing."""
    monkeypatch.setattr(files, "is_key", lambda _: True)
    (tmp_path / "not-a-directory").touch()
    with pytest.raises(ShardFailed):
        _ = [info async for info in shard.list()]


async def test_an_absent_object_of_a_known_id_is_missing(shard, key):
    """The id's directory being there changes nothing."""
    await put(shard, key)
    with pytest.raises(ObjectMissing):
        await shard.get(key.replace("original", "small-r1-0123456789ab.webp"))
