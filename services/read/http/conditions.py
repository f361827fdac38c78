"""Conditional requests (RFC 9110, section 13): what the client has already need not be sent again.

The read service decides them, because it knows the entity tags; nginx only moves bytes.
"""

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from litestar.datastructures import Headers


def http_date(moment: datetime) -> str:
    """A time as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def unchanged(headers: Headers, tag: str, modified: datetime | None = None) -> bool:
    """Whether the client's copy is good: its tag is ours or, where it sends no tags, nothing changed since its date."""
    tags = headers.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or _opaque(tag) in {_opaque(other) for other in tags.split(",")}
    since = headers.get("if-modified-since")
    return since is not None and modified is not None and _not_after(modified, since)


def _opaque(tag: str) -> str:
    """For If-None-Match weak and strong tags compare alike."""
    return tag.strip().removeprefix("W/")


def _not_after(modified: datetime, since: str) -> bool:
    try:
        limit = parsedate_to_datetime(since)
    except ValueError:
        return False
    return limit.tzinfo is not None and modified.replace(microsecond=0) <= limit
