"""Copies of objects that are to be deleted."""

from datetime import timedelta

import pytest

from infrastructure.postgres.discarded import insert_discarded
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
