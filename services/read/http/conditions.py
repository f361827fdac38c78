"""Conditional requests (RFC 9110, section 13): what the client has already need not be sent again.

The read service decides them, because it knows the entity tags; nginx only moves bytes.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache

from litestar.types import HTTPScope

from contracts.errors import VersionConflict


@lru_cache(4096)
def http_date(moment: datetime) -> str:
    """A time as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


Conditions = Mapping[str, str]
"""The headers of a request that ask for something on a condition, by their names in lower case."""


def conditions(scope: HTTPScope) -> Conditions:
    """Those of a request; most have none. Goes through the raw headers, because every read does this."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        if name.startswith(b"if-"):
            found.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    return found


def require_match(asked: Conditions, tag: str, modified: datetime | None = None) -> None:
    """Passes unless the client asks for another state than ours; to be judged before `unchanged`.

    Raises `VersionConflict` when none of its tags is ours or, where it sends no tags, on a change since its date.
    """
    tags = asked.get("if-match")
    if tags is not None:
        holds = tags.strip() == "*" or (tag.startswith('"') and tag in {other.strip() for other in tags.split(",")})
    else:
        since = _date(asked.get("if-unmodified-since"))
        holds = since is None or modified is None or modified.replace(microsecond=0) <= since
    if not holds:
        raise VersionConflict("This is not the state that the request is meant for.")


def unchanged(asked: Conditions, tag: str, modified: datetime | None = None) -> bool:
    """Whether the client's copy is good: its tag is ours or, where it sends no tags, nothing changed since its date."""
    tags = asked.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or _opaque(tag) in {_opaque(other) for other in tags.split(",")}
    since = _date(asked.get("if-modified-since"))
    return since is not None and modified is not None and modified.replace(microsecond=0) <= since


def _opaque(tag: str) -> str:
    """For If-None-Match weak and strong tags compare alike."""
    return tag.strip().removeprefix("W/")


def _date(text: str | None) -> datetime | None:
    """The moment a header names; None when it names none, which counts as not sent."""
    try:
        moment = parsedate_to_datetime(text) if text else None
    except (ValueError, TypeError, OverflowError):  # the parser gives up in several ways
        return None
    return moment if moment is not None and moment.tzinfo is not None else None
