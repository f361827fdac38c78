"""The shards in use become others while objects are written and read."""

import asyncio

import pytest

from contracts.shards import Shard, ShardMap, ShardState
from infrastructure.env import ConfigError
from infrastructure.storage.breaker import Policy, State
from infrastructure.storage.config import first_map
from infrastructure.storage.files import INCOMING
from infrastructure.storage.open import open_storage
from infrastructure.storage.prove import prove
from tests.component.storage.conftest import PATIENT
from tests.component.storage.test_objects import DATA, JPEG, key_on
from tests.eventually import becomes


@pytest.fixture
def first(cluster):
    """Version 1: s1, s2 and s3."""
    return ShardMap(1, first_map(cluster.config()).shards[:3])


@pytest.fixture
def fourth(cluster):
    return first_map(cluster.config()).shards[3]


@pytest.fixture
async def storage(cluster, first):
    async with open_storage(cluster.config(), first, patience=PATIENT) as storage:
        yield storage


def draining(shards, name):
    """The same list with one shard that takes nothing new."""
    changed = tuple(Shard(s.name, s.url, s.weight, ShardState.DRAINING) if s.name == name else s for s in shards.shards)
    return ShardMap(shards.version + 1, changed)


async def test_a_new_shard_takes_objects(storage, first, fourth):
    """At once."""
    await storage.change(ShardMap(2, (*first.shards, fourth)))
    key = key_on(storage, "s4", "s1")
    assert await storage.objects.put(key, DATA, JPEG) == ("s4", "s1")
    assert await storage.objects.get(key, ("s4",)) == DATA


async def test_a_draining_shard_gives_and_takes_nothing(storage, first):
    """What is on it can be read and deleted; the ring passes it over."""
    key = key_on(storage, "s1", "s2")
    placement = await storage.objects.put(key, DATA, JPEG)
    await storage.change(draining(first, "s1"))
    assert await storage.objects.get(key, ("s1",)) == DATA
    assert set(await storage.objects.put(key, DATA, JPEG)) == {"s2", "s3"}
    await storage.objects.delete(key, placement)


async def test_an_older_list_is_not_taken(storage, first, fourth):
    """Events may come late, and replicas lag."""
    await storage.change(ShardMap(3, (*first.shards, fourth)))
    await storage.change(draining(first, "s1"))
    assert storage.version == 3
    assert set(storage.shards) == {"s1", "s2", "s3", "s4"}


async def test_a_shard_that_stays_keeps_its_breaker(cluster, first, fourth):
    """What is known of it holds whatever becomes of the others."""
    async with open_storage(cluster.config(), first, policy=Policy(pause=3600)) as storage:
        storage._fleet.breakers["s1"].trip()
        before = storage.shards["s1"]
        await storage.change(ShardMap(2, (*first.shards, fourth)))
        assert storage.shards["s1"] is before
        assert storage.breakers()["s1"] is State.OPEN


async def test_a_new_shard_that_does_not_answer_is_avoided(storage, cluster, first, fourth):
    """Until it does."""
    await cluster.proxies["s4"].refuse()
    await storage.change(ShardMap(2, (*first.shards, fourth)))
    assert storage.breakers()["s4"] is State.OPEN
    await cluster.proxies["s4"].start()
    await becomes(lambda: storage.breakers()["s4"], State.CLOSED)


async def test_a_removed_shard_is_gone(storage, first, tmp_path):
    """With its breaker; a directory's threads are let go."""
    (tmp_path / INCOMING).mkdir()
    await storage.change(ShardMap(2, (*first.shards, Shard("disk", f"file://{tmp_path}"))))
    assert "disk" in storage.breakers()
    await storage.change(ShardMap(3, first.shards))
    assert set(storage.breakers()) == set(storage.shards) == set(storage.listed) == {"s1", "s2", "s3"}


async def test_a_shard_may_move(storage, cluster, first):
    """It is the same one at another address, with what it had."""
    key = key_on(storage, "s1", "s2")
    await storage.objects.put(key, DATA, JPEG)
    await cluster.proxies["s1"].refuse()
    one = first.shards[0]
    moved = Shard("s1", one.url.replace(cluster.proxies["s1"].endpoint, cluster.server.endpoint))
    await storage.change(ShardMap(2, (moved, *first.shards[1:])))
    assert await storage.objects.get(key, ("s1",)) == DATA


async def test_a_list_that_can_not_be_used_is_not_taken(storage, first, caplog):
    """The one that works stays, and the log says why."""
    await storage.change(ShardMap(2, (*first.shards, Shard("bad", "s3://nowhere"))))
    assert storage.version == 1
    assert "version 2 of the shards can't be used" in caplog.text


async def test_writes_and_reads_go_on_meanwhile(storage, first, fourth):
    """None fails while shards come and go."""

    async def write_and_read(number):
        key = key_on(storage, "s2", "s3")
        placement = await storage.objects.put(key, DATA, JPEG)
        assert await storage.objects.get(key, placement) == DATA

    working = asyncio.gather(*(write_and_read(number) for number in range(4)))
    for version in range(2, 8):
        await storage.change(ShardMap(version, (*first.shards, fourth) if version % 2 else first.shards))
    await working


async def test_a_lost_shard_does_not_stop_the_start_once_it_is_drained(cluster, first):
    """Nor does it stop those who must look all the same."""
    lost = Shard("lost", f"s3://{cluster.server.endpoint}/no-such-bucket")
    listed = ShardMap(2, (*first.shards, lost))
    with pytest.raises(ConfigError):
        async with open_storage(cluster.config(), listed):
            pass
    async with open_storage(cluster.config(), listed, forgiving=True) as storage:
        assert storage.breakers()["lost"] is State.OPEN
    async with open_storage(cluster.config(), draining(listed, "lost")) as storage:
        assert storage.breakers()["lost"] is State.OPEN


async def test_a_shard_is_tried_before_it_is_relied_on(cluster, first, tmp_path):
    """One that works is left empty, one that doesn't says why."""
    config = cluster.config()
    await prove(first.shards[0], config=config)
    async with open_storage(config, first) as storage:
        assert [info async for info in storage.shards["s1"].list()] == []
    with pytest.raises(ConfigError, match="there is no bucket no-such-bucket"):
        await prove(Shard("new", f"s3://{cluster.server.endpoint}/no-such-bucket"), config=config)
    (tmp_path / INCOMING).mkdir()
    await prove(Shard("disk", f"file://{tmp_path}"), config=config)
    assert [path.name for path in tmp_path.iterdir()] == [INCOMING]
