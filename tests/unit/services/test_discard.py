"""What was given up is deleted, whatever stands in the way of some of it."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from contracts.errors import Unavailable
from services.worker.discard import LATER, discard

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Due:
    """Copies that are due, shards, and what is told to both."""

    def __init__(self, *copies, **errors):
        self.copies = copies
        self.errors = errors
        self.deleted = []

    @asynccontextmanager
    async def claim(self, now, limit):
        yield self

    async def delete(self, key, placement):
        if key in self.errors:
            raise self.errors[key]
        self.deleted.append((key, placement))

    async def forget(self, copies):
        self.forgotten = copies

    async def postpone(self, copies, not_before):
        self.postponed = copies, not_before


@pytest.mark.parametrize("error", [Unavailable(), ValueError("not an object key")])
async def test_what_can_not_be_deleted_is_left_for_later_and_the_rest_goes(error):
    """Whether a shard is away or there is no sense in the key."""
    due = Due(("bad", "one"), ("good", "one"), ("good", "two"), bad=error)
    assert await discard(discarded=due, objects=due, clock=lambda: NOW) == 3
    assert due.deleted == [("good", ("one", "two"))]
    assert due.forgotten == [("good", "one"), ("good", "two")]
    assert due.postponed == ([("bad", "one")], NOW + LATER)
