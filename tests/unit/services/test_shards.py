"""Shards are changed with care, and every process learns of it."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from contracts.errors import Refused, Unavailable
from contracts.events import ShardsChanged
from contracts.shards import Shard, ShardMap, ShardState
from services.shared import shards as shared
from services.shared.shards import ShardFollower, first_shards
from services.worker.care.change_shards import ShardChange, add_shard, change_shard
from services.worker.care.list_shards import list_shards
from services.worker.care.remove_shard import SETTLED, remove_shard
from tests.eventually import becomes

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ONE, TWO, THREE = (Shard(name, f"file:///{name}") for name in ("one", "two", "three"))
DRAINED = Shard("one", "file:///one", state=ShardState.DRAINING)


class List:
    """A list in memory."""

    def __init__(self, *shards, since=NOW - SETTLED):
        self.map = ShardMap(1, shards)
        self.since = since

    async def select(self):
        return self.map

    async def newer_than(self, version):
        return self.map if self.map.version > version else None

    async def seed(self, shards):
        self.map = self.map if self.map.version else ShardMap(1, shards.shards)
        return self.map

    async def change(self, decide):
        self.map = ShardMap(self.map.version + 1, decide(self.map))
        return self.map

    async def unchanged_since(self, name):
        return self.since


class Used:
    def __init__(self, objects):
        self.objects = objects
        self.bytes = objects * 10


class Rows:
    """What the rows say, and what is still to be deleted."""

    def __init__(self, **usage):
        self._usage = {name: Used(count) for name, count in usage.items()}
        self.waiting = 0
        self.forgotten = []

    async def usage(self):
        return self._usage

    async def count(self, shard):
        return self.waiting

    async def forget(self, shard):
        self.forgotten.append(shard)


async def approve(shard):
    """Every shard works."""


async def refuse(shard):
    raise Unavailable("it does not answer")


async def nothing(_):
    return
    yield


async def something(_):
    yield 1
    yield 2


def removing(shard_list, rows, *, name="one", look=nothing, lost=False):
    return remove_shard(
        name, lost=lost, shard_list=shard_list, placements=rows, discarded=rows, look=look, clock=lambda: NOW
    )


async def test_a_shard_is_added_once_it_has_proved_to_work():
    """One that does not stays off the list."""
    shard_list = List(ONE)
    with pytest.raises(Unavailable):
        await add_shard(TWO, shard_list=shard_list, prove=refuse)
    assert shard_list.map.shards == (ONE,)
    assert (await add_shard(TWO, shard_list=shard_list, prove=approve)).shards == (ONE, TWO)


@pytest.mark.parametrize("shard", [Shard("one", "file:///else"), Shard("else", "file:///one")])
async def test_names_and_places_are_taken_once(shard):
    """Before anything is tried."""
    with pytest.raises(Refused):
        await add_shard(shard, shard_list=List(ONE), prove=refuse)


async def test_a_drain_leaves_enough_for_the_copies():
    """Otherwise no upload could be taken."""
    shard_list = List(ONE, TWO)
    drain = ShardChange(state=ShardState.DRAINING)
    with pytest.raises(Refused, match="2 copies need as many active shards, and then there were 1"):
        await change_shard("one", drain, copies=2, shard_list=shard_list, prove=approve)
    assert (await change_shard("one", drain, copies=1, shard_list=shard_list, prove=refuse)).shards == (DRAINED, TWO)


async def test_only_what_is_wished_changes():
    """A weight leaves the address alone, and a new address has to work."""
    shard_list = List(ONE, TWO)
    changed = await change_shard("two", ShardChange(weight=5), copies=2, shard_list=shard_list, prove=refuse)
    assert changed.shards == (ONE, Shard("two", TWO.url, 5))
    with pytest.raises(Unavailable):
        await change_shard("two", ShardChange(url="file:///new"), copies=2, shard_list=shard_list, prove=refuse)
    with pytest.raises(Refused, match="is shard one already"):
        await change_shard("two", ShardChange(url=ONE.url), copies=2, shard_list=shard_list, prove=approve)
    with pytest.raises(Refused, match="There is no shard six, only one, two"):
        await change_shard("six", ShardChange(weight=5), copies=2, shard_list=shard_list, prove=approve)


async def test_an_empty_drained_shard_is_removed():
    """And forgotten."""
    shard_list, rows = List(DRAINED, TWO), Rows(two=5)
    assert (await removing(shard_list, rows)).shards == (TWO,)
    assert rows.forgotten == ["one"]


async def test_a_shard_that_is_not_empty_is_not_removed():
    """With the count, whatever still lies there."""
    with pytest.raises(Refused, match="still holds 7 objects"):
        await removing(List(DRAINED, TWO), Rows(one=7))
    rows = Rows()
    rows.waiting = 3
    with pytest.raises(Refused, match="3 old copies are still to be deleted"):
        await removing(List(DRAINED, TWO), rows)
    with pytest.raises(Refused, match="still 2 objects on shard one that no row names"):
        await removing(List(DRAINED, TWO), Rows(), look=something)


async def test_a_lost_shard_is_not_looked_at():
    """But rows that name it still count."""
    rows = Rows()
    rows.waiting = 3
    await removing(List(DRAINED, TWO), rows, look=something, lost=True)
    with pytest.raises(Refused, match="still holds 7 objects"):
        await removing(List(DRAINED, TWO), Rows(one=7), lost=True)


async def test_a_shard_in_use_is_not_removed():
    """Nor one whose last uploads may not be on record yet, nor one that somebody takes into use again."""
    with pytest.raises(Refused, match="Drain it first"):
        await removing(List(ONE, TWO), Rows())
    with pytest.raises(Refused, match="Try again in 20 s"):
        await removing(List(DRAINED, TWO, since=NOW - SETTLED + timedelta(seconds=20)), Rows())
    shard_list = List(DRAINED, TWO)

    async def taken_back(_):
        shard_list.map = ShardMap(2, (ONE, TWO))
        return
        yield

    with pytest.raises(Refused, match="changed by somebody else"):
        await removing(shard_list, Rows(), look=taken_back)


class Room:
    """A storage that only notes what it was told."""

    def __init__(self, version=0):
        self.version = version

    async def change(self, shards):
        self.version = max(self.version, shards.version)

    @property
    def ring(self):
        return self

    def shares(self):
        return {"two": 1.0}

    def breakers(self):
        return {"two": "open"}


async def test_the_list_tells_everything():
    """Also of shards that rows name and the list doesn't."""
    found = await list_shards(shard_list=List(DRAINED, TWO), storage=Room(), placements=Rows(two=5, gone=2))
    assert [(s.name, s.state, s.breaker, s.objects, s.bytes, s.share) for s in found.shards] == [
        ("one", "draining", "unknown", 0, 0, 0.0),
        ("two", "active", "open", 5, 50, 1.0),
        ("gone", "unlisted", "unknown", 2, 20, 0.0),
    ]


async def test_a_new_system_begins_with_what_it_is_configured_with():
    """From then on the database tells."""
    shard_list = List()
    shard_list.map = ShardMap(0, ())
    assert await first_shards(lambda: ShardMap(0, (ONE,)), shard_list=shard_list) == ShardMap(1, (ONE,))
    assert await first_shards(lambda: pytest.fail("asked"), shard_list=shard_list) == ShardMap(1, (ONE,))


async def test_an_event_is_followed_at_once(monkeypatch):
    """Without asking the database."""
    monkeypatch.setattr(shared, "POLL", 60.0)
    room, shard_list = Room(), List(ONE)
    async with shared.following(shard_list.newer_than, room) as follower:
        for version in (7, 6):
            follower.hear(ShardsChanged(uuid4(), NOW, ShardMap(version, (ONE,))))
        await becomes(lambda: room.version, 7)


async def test_without_events_the_database_is_asked(monkeypatch):
    """Whatever it answers in between."""
    monkeypatch.setattr(shared, "POLL", 0.01)
    room, answers = Room(), [Unavailable(), None, ShardMap(3, (ONE,))]

    async def newer_than(version):
        await asyncio.sleep(0)
        answer = answers.pop(0) if answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with shared.following(newer_than, room):
        await becomes(lambda: room.version, 3)


async def test_who_must_know_asks():
    """An upload waits for the list that holds now."""
    room = Room()
    await ShardFollower(newer_than=List(ONE).newer_than, storage=room).refresh()
    assert room.version == 1
