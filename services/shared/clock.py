"""The clock that services give to whatever needs one."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The time, in UTC, with microseconds."""
    return datetime.now(UTC)
