"""Copies of objects that are to be deleted."""

from datetime import timedelta

import pytest

from infrastructure.postgres.discarded import Discarded, insert_discarded
from tests.component.postgres.images import T0


async def test_a_copy_is_written_down_once_with_its_first_deadline(primary, psql):
    """The same copy given up again changes nothing, and giving up none is allowed."""
    async with primary.transaction() as connection:
        await insert_discarded(connection, [("a/original", "one"), ("a/original", "two")], T0)
        await insert_discarded(connection, [("a/original", "two")], T0 + timedelta(days=1))
        await insert_discarded(connection, [], T0)
    rows = await psql.fetch("SELECT key, shard, not_before FROM discarded ORDER BY shard")
    assert [tuple(row) for row in rows] == [("a/original", "one", T0), ("a/original", "two", T0)]


async def test_what_is_undone_discards_nothing(primary, psql):
    """Copies are given up by the transaction that gives them up, or not at all."""

    async def give_up_and_fail() -> None:
        async with primary.transaction() as connection:
            await insert_discarded(connection, [("a/original", "one")], T0)
            raise LookupError

    with pytest.raises(LookupError):
        await give_up_and_fail()
    assert await psql.fetchval("SELECT count(*) FROM discarded") == 0


DUE = [(f"{n}/original", "one") for n in range(4)]


async def give_up(primary, copies, not_before=T0) -> None:
    async with primary.transaction() as connection:
        await insert_discarded(connection, copies, not_before)


async def due(discarded, now=T0):
    """What can be claimed."""
    async with discarded.claim(now, 10) as claimed:
        return list(claimed.copies)


async def test_copies_are_claimed_when_their_time_has_come(primary):
    """Those that wait longest come first, no more than asked for, and nobody gets what another one holds."""
    discarded = Discarded(primary)
    await give_up(primary, DUE[1:3])
    await give_up(primary, DUE[:1], T0 - timedelta(days=1))
    await give_up(primary, DUE[3:], T0 + timedelta(days=1))
    async with discarded.claim(T0, 1) as first:
        assert list(first.copies) == DUE[:1]
        assert sorted(await due(discarded)) == DUE[1:3]
    assert sorted(await due(discarded)) == DUE[:3]


async def test_what_is_deleted_is_forgotten_and_the_rest_comes_again(primary):
    """What could not be deleted is due later."""
    discarded = Discarded(primary)
    await give_up(primary, DUE)
    async with discarded.claim(T0, 10) as claimed:
        await claimed.forget(DUE[:2])
        await claimed.postpone(DUE[2:3], T0 + timedelta(seconds=30))
        await claimed.forget([])
        await claimed.postpone([], T0)
    assert await due(discarded) == DUE[3:]
    assert sorted(await due(discarded, T0 + timedelta(seconds=30))) == DUE[2:]
