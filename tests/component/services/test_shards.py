"""Every service learns which shards there are, while it runs."""

from uuid import uuid4

import pytest

from contracts.shards import Shard, ShardMap, ShardState
from infrastructure.postgres.primary import open_primary
from infrastructure.postgres.shards import ShardList
from services.read.main import open_app
from services.shared.clock import utc_now
from tests.component.postgres.steps import patient
from tests.component.services.looking import rows, upload
from tests.eventually import eventually
from tests.pictures import jpeg


@pytest.fixture
async def shard_list(database):
    async with open_primary(patient(database.primary)) as primary:
        yield ShardList(primary, clock=utc_now, new_id=uuid4)


async def knows(service, *names):
    """A service comes to use these shards."""

    async def check():
        assert set((await service.get("/health/ready")).json()["breakers"]) == set(names)

    await eventually(check)


async def test_a_new_shard_reaches_all_services(write, read, worker, shard_list, tmp_path):
    """By the event or by looking, without a restart."""
    first = await shard_list.select()
    assert [shard.name for shard in first.shards] == ["shard-1", "shard-2", "shard-3", "shard-4"]
    (tmp_path / ".incoming").mkdir()
    await shard_list.change(lambda known: (*known.shards, Shard("disk", f"file://{tmp_path}")))
    for service in (write, read, worker):
        await knows(service, "disk", "shard-1", "shard-2", "shard-3", "shard-4")


async def test_an_upload_asks_for_the_shards_of_the_moment(write, shard_list, database):
    """Nothing is put on a shard after it was drained, however lately."""

    def drain(known: ShardMap) -> tuple[Shard, ...]:
        return tuple(
            Shard(s.name, s.url, s.weight, ShardState.DRAINING) if s.name in {"shard-1", "shard-3"} else s
            for s in known.shards
        )

    await shard_list.change(drain)
    await upload(write, jpeg())
    (row,) = await rows(database, "SELECT placement FROM blobs")
    assert set(row["placement"]) == {"shard-2", "shard-4"}


async def test_the_list_in_the_database_holds(serve, write, shard_list, monkeypatch):
    """Whatever a process is configured with later."""
    monkeypatch.setenv("CHITRAM_SHARDS", "")

    read = await serve(open_app)
    await knows(read, "shard-1", "shard-2", "shard-3", "shard-4")
