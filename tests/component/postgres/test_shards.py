"""The list of shards: changed as a whole, with the event that tells of it."""

import asyncio
from uuid import uuid4

import pytest

from contracts.errors import Refused
from contracts.events import ShardsChanged, decode
from contracts.shards import SHARDS_ID, Shard, ShardMap, ShardState
from infrastructure.postgres.shards import ShardList, newer_than

ONE, TWO = Shard("one", "s3://h:1/one"), Shard("two", "file:///two", weight=3)


@pytest.fixture
def shard_list(primary, clock):
    return ShardList(primary, clock=clock, new_id=uuid4)


async def told(psql):
    """The lists of all events."""
    rows = await psql.fetch("SELECT payload, subject_id, version FROM outbox ORDER BY version")
    events = [decode(row["payload"]) for row in rows]
    assert all(isinstance(event, ShardsChanged) and event.subject_id == SHARDS_ID for event in events)
    assert [row["version"] for row in rows] == [event.version for event in events]
    return [event.shards for event in events]


async def test_a_new_system_has_no_list(shard_list):
    """Version 0 says that nobody has written it."""
    assert await shard_list.select() == ShardMap(0, ())
    assert await shard_list.newer_than(0) is None


async def test_the_first_process_writes_it_down(shard_list, psql):
    """Whoever comes later, or at the same time, finds it; nobody has to be told."""
    first, other = await asyncio.gather(
        shard_list.seed(ShardMap(0, (TWO, ONE))), shard_list.seed(ShardMap(0, (ONE, TWO)))
    )
    assert first == other == await shard_list.select() == ShardMap(1, (ONE, TWO))
    assert await told(psql) == []


async def test_a_change_is_told(shard_list, psql):
    """The event carries the whole list, and is written with it."""
    await shard_list.seed(ShardMap(0, (ONE,)))
    draining = Shard("one", "s3://h:2/one", 2, ShardState.DRAINING)
    changed = await shard_list.change(lambda known: (draining, TWO))
    assert changed == await shard_list.select() == ShardMap(2, (draining, TWO))
    assert await told(psql) == [changed]
    assert await shard_list.newer_than(1) == changed
    assert await shard_list.newer_than(2) is None


async def test_a_change_that_changes_nothing_is_none(shard_list, psql):
    """Neither version nor event."""
    await shard_list.seed(ShardMap(0, (ONE,)))
    assert await shard_list.change(lambda known: known.shards) == ShardMap(1, (ONE,))
    assert await told(psql) == []


async def test_a_refusal_changes_nothing(shard_list, psql):
    """What the decision raises comes through."""
    await shard_list.seed(ShardMap(0, (ONE,)))

    def refuse(known):
        raise Refused("no")

    with pytest.raises(Refused):
        await shard_list.change(refuse)
    assert await shard_list.select() == ShardMap(1, (ONE,))
    assert await told(psql) == []


async def test_changes_at_once_are_made_one_after_the_other(shard_list):
    """None is lost, and each has its version."""
    await shard_list.seed(ShardMap(0, (ONE,)))
    added = [Shard(f"n{number}", f"file:///{number}") for number in range(5)]
    changes = [shard_list.change(lambda known, new=new: (*known.shards, new)) for new in added]
    assert sorted(done.version for done in await asyncio.gather(*changes)) == [2, 3, 4, 5, 6]
    assert await shard_list.select() == ShardMap(6, (*added, ONE))


async def test_a_replica_tells_it_too(shard_list, replica):
    """Read services look there."""
    await shard_list.seed(ShardMap(0, (ONE,)))
    assert await newer_than(0, fetch=replica.fetch) == ShardMap(1, (ONE,))


async def test_it_says_since_when_a_shard_is_as_it_is(shard_list):
    """A change of the others is none of it."""
    await shard_list.seed(ShardMap(0, (ONE,)))
    since = await shard_list.unchanged_since("one")
    await shard_list.change(lambda known: (*known.shards, TWO))
    assert await shard_list.unchanged_since("one") == since
    assert await shard_list.unchanged_since("two") > since
    assert await shard_list.unchanged_since("three") is None
