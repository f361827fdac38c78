"""A backup is made, put back elsewhere, and says what is missing: the drill of docs/backup.md."""

import asyncio
import json
import subprocess
from contextlib import nullcontext

import pytest
from nats.aio.client import Client
from nats.js.errors import NotFoundError
from redis.asyncio import Redis

from contracts.subjects import leases, stream
from deploy.local.quiet import Quiet
from services.cli.backup import INCOMPLETE
from services.cli.main import main
from services.write.main import open_app as open_write
from tests.component.services.looking import objects, rows, upload
from tests.component.services.people import person
from tests.pictures import jpeg


@pytest.fixture
async def write(serve, unhurried, tmp_path, monkeypatch):
    """The write service; commands find its servers by the same variables, and no stack where they are run."""
    monkeypatch.chdir(tmp_path)
    return await serve(open_write)


@pytest.fixture
def chitram(write, capsys, monkeypatch):
    """Runs a command, with `--json` unless `plain`; gives its exit status and what it printed."""

    monkeypatch.setattr("services.worker.backup.back_up.PAGE", 2)

    async def run(*arguments: str, plain: bool = False):
        status = await asyncio.to_thread(main, (*arguments, *(() if plain else ("--json",))))
        captured = capsys.readouterr()
        if plain or not captured.out:
            return status, captured.out + captured.err
        return status, json.loads(captured.out)

    return run


@pytest.fixture
async def pictures(write, database):
    """The keys of two anonymous pictures and of one that somebody owns."""
    ann = await person(write)
    await upload(write, jpeg())
    await upload(write, jpeg())
    files = {"file": ("a.jpg", jpeg())}
    assert (await write.post("/api/v1/images/upload", files=files, headers=ann.headers)).status_code == 201
    return [f"{row['id']}/original" for row in await rows(database, "SELECT id FROM blobs ORDER BY id")]


@pytest.fixture
def elsewhere(databases, monkeypatch):
    """A new database, in which commands work from when it is asked `use`d."""
    with databases.lend() as made:

        def use():
            monkeypatch.setenv("CHITRAM_POSTGRES_PRIMARY", made.primary)
            return made

        yield use


async def contents(database):
    """Every row of every table."""
    names = await rows(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    found = {}
    for (name,) in names:
        found[name] = await rows(database, f'SELECT t::text FROM "{name}" AS t ORDER BY 1')  # noqa: S608
    return found


async def test_what_was_saved_comes_back_and_what_is_missing_is_named(  # noqa: PLR0917 - fixtures
    chitram, pictures, database, elsewhere, storage, server_environment, tmp_path
):
    """One object is deleted, one altered, one loses all copies: a check names the copies, a restore puts them back."""
    await rows(database, "INSERT INTO discarded VALUES ($1, 'somewhere', now())", pictures[0])
    before = await contents(database)
    status, manifest = await chitram("backup", "saved", "--objects")
    assert (status, manifest["objects"], manifest["absent"]) == (0, 3, 0)
    subprocess.run(  # noqa: ASYNC221 - a moment
        ("sha256sum", "--check", "--quiet", "SHA256SUMS"), cwd="saved", check=True
    )
    assert {path.name for path in tmp_path.iterdir()} == {"saved"}

    first, second, third = pictures
    where = {
        f"{row['id']}/original": row["placement"] for row in await rows(database, "SELECT id, placement FROM blobs")
    }
    await storage.shards[where[first][0]].delete(first)
    await storage.shards[where[second][1]].put(second, memoryview(b"something else"), "image/jpeg")
    for shard in where[third]:
        await storage.shards[shard].delete(third)
    bad = {
        (first, where[first][0], "missing"),
        (second, where[second][1], "wrong"),
        *((third, shard, "missing") for shard in where[third]),
    }

    new, before_it = elsewhere(), await _streams(server_environment)
    async with Redis.from_url(server_environment["CHITRAM_REDIS_URL"], driver_info=None) as redis:
        old = f"{server_environment['CHITRAM_REDIS_PREFIX']}:view:x"
        await redis.set(old, "of before")
        status, report = await chitram("restore", "saved")
        assert not await redis.exists(old)
    assert {(f["key"], f["shard"], f["condition"]) for f in report["findings"]} == bad
    assert all(finding["put_back"] for finding in report["findings"])
    assert (status, report["checked"]["put_back"], report["checked"]["lost"]) == (0, 4, 0)
    # What was to be deleted then may be all that there is now.
    assert await contents(new) == before | {"discarded": []}
    assert await objects(storage) == dict.fromkeys(pictures, 2)
    # The write service, which was left running, makes them anew.
    assert not before_it & await _streams(server_environment)

    status, said = await chitram("restore", "saved")
    assert status == 1
    assert "not empty" in said


async def test_what_was_moved_since_the_backup_is_not_lost(  # noqa: PLR0917 - fixtures
    chitram, pictures, database, elsewhere, storage, monkeypatch
):
    """Copies that lie elsewhere by now are found there; while an object is not, no service starts unless it is said."""
    first, second, third = pictures
    quiet = Quiet(lambda: None)
    monkeypatch.setattr("services.cli.restore.services_stopped", lambda: nullcontext(quiet))
    await rows(database, "UPDATE blobs SET placement = '{gone}' WHERE id::text || '/original' = $1", second)
    assert (await chitram("backup", "saved"))[0] == 0
    (row,) = await rows(database, "SELECT placement FROM blobs WHERE id::text || '/original' = $1", first)
    data = await storage.shards[row["placement"][0]].get(first)
    other = next(name for name in storage.shards if name not in row["placement"])
    await storage.shards[other].put(first, memoryview(data), "image/jpeg")
    for shard in row["placement"]:
        await storage.shards[shard].delete(first)
    kept = {name: await shard.get(third) for name, shard in storage.shards.items() if await shard.head(third)}
    for name in kept:
        await storage.shards[name].delete(third)

    new = elsewhere()
    status, said = await chitram("restore", "saved", plain=True)
    assert (status, quiet.starts, "Services must not run" in said) == (1, False, True), said
    assert await objects(storage) == {first: 3, second: 2}
    (row,) = await rows(new, "SELECT placement FROM blobs WHERE id::text || '/original' = $1", second)
    assert {name for name, shard in storage.shards.items() if await shard.head(second)} == set(row["placement"])

    status, _ = await chitram("restore", "saved", "--mend", "--start-anyway", plain=True)
    assert (status, quiet.starts) == (1, True)
    for name, picture in kept.items():
        await storage.shards[name].put(third, memoryview(picture), "image/jpeg")
    status, report = await chitram("restore", "saved", "--mend")
    assert (status, quiet.starts, report["checked"]["lost"]) == (0, True, 0)


async def test_a_check_changes_nothing(chitram, pictures, storage, database):
    """Without the bytes in the backup, what has no copy any more is lost, and is said to be."""
    assert (await chitram("backup", "saved"))[0] == 0
    (row,) = await rows(database, "SELECT placement FROM blobs WHERE id::text || '/original' = $1", pictures[0])
    for shard in row["placement"]:
        await storage.shards[shard].delete(pictures[0])
    status, report = await chitram("restore", "saved", "--check")
    assert (status, report["checked"]["missing"], report["checked"]["lost"]) == (1, 2, 1)
    status, said = await chitram("restore", "saved", "--check", plain=True)
    assert status == 1
    assert f"missing  {pictures[0]}  on {row['placement'][0]}" in said
    assert "1 objects there is no good copy any more" in said
    status, said = await chitram("backup", "whole", "--objects", plain=True)
    assert (status, "Of 1 of them no good copy was found" in said) == (INCOMPLETE, True), said
    assert await objects(storage) == dict.fromkeys(pictures[1:], 2)


async def test_a_backup_that_can_not_be_believed_is_refused(chitram, pictures, elsewhere, tmp_path):
    """Damaged, unfinished, from another release, or in the way: nothing is done."""
    status, said = await chitram("backup", "saved", plain=True)
    assert (status, "3 objects" in said) == (0, True), said
    status, said = await chitram("backup", "saved")
    assert (status, "exists already" in said) == (1, True)
    new = elsewhere()
    empty = await contents(new)
    whole = {path: path.read_bytes() for path in (tmp_path / "saved").rglob("*") if path.is_file()}

    for name, sentence in (("rows/blobs.copy.gz", "rows/blobs.copy.gz"), ("SHA256SUMS", "not a whole one")):
        (tmp_path / "saved" / name).unlink()
        status, said = await chitram("restore", "saved")
        assert (status, sentence in said) == (1, True), said
        for path, data in whole.items():
            path.write_bytes(data)
    assert await contents(new) == empty


async def _streams(environment):
    """Those of this test in NATS, by name and time of making."""
    prefix = environment["CHITRAM_NATS_PREFIX"]
    client = Client()
    await client.connect(environment["CHITRAM_NATS_SERVERS"])
    try:
        found = [await client.jetstream().stream_info(name) for name in (stream(prefix), f"KV_{leases(prefix)}")]
    except NotFoundError:
        return set()
    finally:
        await client.close()
    return {(one.config.name, one.created) for one in found}
