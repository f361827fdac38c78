"""The statement for a page of a list."""

from datetime import UTC, datetime
from itertools import product
from uuid import UUID

import pytest

from contracts.images import Visibility
from contracts.lists import Wanted
from infrastructure.postgres.catalogue import page_statement
from infrastructure.postgres.replica import _ring

PLACE = (datetime(2026, 1, 1, tzinfo=UTC), UUID(int=1))


@pytest.mark.parametrize(
    ("after", "tags", "content_type", "owner_id"),
    list(product((None, PLACE), ((), ("a", "b")), (None, "image/png"), (None, UUID(int=2)))),
)
def test_every_argument_has_its_place(after, tags, content_type, owner_id):
    """Filters that aren't asked for leave no trace, and the others bring one argument for each place."""
    statement, arguments = page_statement(
        7, after, Wanted(frozenset({Visibility.PUBLIC}), owner_id, tags, content_type)
    )
    assert {number for number in range(1, 9) if f"${number}" in statement} == set(range(1, len(arguments) + 1))
    assert arguments[0] == 7
    assert ("(images.created_at, images.id) <" in statement) == (after is not None)
    assert (("a", "b") in arguments) == ("tags @>" in statement) == bool(tags)
    assert (UUID(int=2) in arguments) == ("images.owner_id =" in statement) == (owner_id is not None)
    assert ("image/png" in arguments) == ("images.content_type =" in statement) == (content_type is not None)


@pytest.mark.parametrize(("first", "ring"), [(0, "abc"), (1, "bca"), (2, "cab"), (3, "abc"), (7, "bca")])
def test_readers_begin_at_different_replicas(first, ring):
    """A reader with any number begins somewhere, and goes round from there."""
    assert _ring(tuple("abc"), first) == tuple(ring)
