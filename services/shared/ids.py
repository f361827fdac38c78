"""Ids in the paths of requests."""

from uuid import UUID

from contracts.errors import NotFound


def id_in_path(text: str, missing: type[NotFound]) -> UUID:
    """The id that a text is. What can't be an id is simply not there: raises `missing`."""
    try:
        return UUID(text)
    except ValueError:
        raise missing from None
