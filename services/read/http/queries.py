"""Reading a list's query parameters strictly: a value that can't be meant is refused, not guessed."""

import unicodedata
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from litestar.params import QueryParameter

from contracts.errors import InvalidRequest
from contracts.images import Status, Visibility
from services.read.cursors import decode_cursor
from services.read.list_images import OF_ONESELF, Asked

E = TypeVar("E", bound=StrEnum)

DEFAULT_LIMIT = 50
MAX_LIMIT = 100

LONGEST = 4096
"""Characters of a filter: more than all tags of an image together can have."""

TEXT = "^[^\\u0000]*$"
"""What a filter looks like: there is no NUL in anything that is stored."""


def told(description: str, **schema: Any) -> QueryParameter:
    """What the OpenAPI document says of an optional parameter, which is read strictly below, whatever `schema` says."""
    return QueryParameter(required=False, description=description, schema_extra=schema)


def read_asked(
    limit: str | None,
    cursor: str | None,
    tags: str | None,
    content_type: str | None,
    *,
    owner: str | None = None,
    visibility: str | None = None,
    status: str | None = None,
    trash: bool = False,
) -> Asked:
    """What a list's query asks for; an empty parameter is one not given. Raises `InvalidRequest` or `InvalidCursor`."""
    return Asked(
        limit=_limit(limit),
        after=decode_cursor(cursor) if cursor else None,
        tags=_tags(_text(tags, "tags")),
        content_type=_text(content_type, "content_type"),
        owner=_owner(owner),
        visibility=_one_of(Visibility, visibility, "visibility"),
        status=_one_of(Status, status, "status"),
        trash=trash,
    )


def _owner(text: str | None) -> UUID | str | None:
    if not text or text == OF_ONESELF:
        return text or None
    try:
        return UUID(text)
    except ValueError:
        raise InvalidRequest("The owner is an account's id, or “me”.", parameter="owner") from None


def _one_of(kind: type[E], text: str | None, parameter: str) -> E | None:
    try:
        return kind(text) if text else None
    except ValueError:
        names = ", ".join(kind)
        raise InvalidRequest(f"The {parameter} is one of these: {names}.", parameter=parameter) from None


def _limit(text: str | None) -> int:
    if not text:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_LIMIT)) and 1 <= int(text) <= MAX_LIMIT):
        raise InvalidRequest(f"The limit is a whole number from 1 to {MAX_LIMIT}.", parameter="limit")
    return int(text)


def _tags(text: str | None) -> tuple[str, ...]:
    normal = unicodedata.normalize("NFC", text or "")  # as tags are stored
    return tuple(dict.fromkeys(filter(None, (word.strip() for word in normal.split(",")))))


def _text(text: str | None, parameter: str) -> str | None:
    if text is not None and (len(text) > LONGEST or "\0" in text):
        raise InvalidRequest(f"The parameter {parameter} has a value that can't be meant.", parameter=parameter)
    return text or None
