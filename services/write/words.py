"""What people may write, whichever way it comes in: names, descriptions, tags.

Text is kept for display and never used in a path, a query or a header as it stands. Control
characters are dropped: PostgreSQL can't store NUL, and no name needs the others.
"""

import unicodedata
from datetime import UTC, datetime, timedelta

from contracts.errors import InvalidField

MAX_FILENAME = 1024
MAX_DESCRIPTION = 4000
MAX_TAGS = 50
MAX_TAG = 64
MAX_KEY_NAME = 100
"""Limits in characters, and for tags in number: ample for people, a bound for everyone else."""

LONGEST_LIFE = timedelta(days=3650)
"""Of an image that has an end at all."""

MAX_ENDING = 16
"""Characters after a name's last dot that can be a type."""

UNNAMED = "unnamed"


def filename(text: str) -> str:
    """A name fit for display. Raises `InvalidField` when it is too long; a name of nothing becomes `unnamed`."""
    return _cleaned(text, MAX_FILENAME, "filename") or UNNAMED


def cut_filename(text: str) -> str:
    """What fits of a name, with the ending that tells its type."""
    plain = _plain(text)
    stem, dot, ending = plain.rpartition(".")
    if not dot or len(ending) > MAX_ENDING:
        return filename(plain[:MAX_FILENAME])
    return filename(f"{stem[: MAX_FILENAME - len(ending) - 1]}.{ending}")


def description(text: str | None) -> str | None:
    """A description, or None where there is nothing to say. Line breaks and tabs stay."""
    return _cleaned(text, MAX_DESCRIPTION, "description", keep="\n\t") or None if text else None


def tags(words: list[str]) -> tuple[str, ...]:
    """Tags in the order given, each once, without the empty ones.

    A comma ends a tag wherever it comes in, because a list's filter separates tags by commas. Raises `InvalidField` for
    too many, be they the same, and for one that is too long.
    """
    given = [tag for word in words for tag in word.split(",")]
    if len(given) > MAX_TAGS:
        raise InvalidField(f"An image can have {MAX_TAGS} tags at most.", field="tags", limit=MAX_TAGS)
    return tuple(dict.fromkeys(filter(None, (_cleaned(tag, MAX_TAG, "tags") for tag in given))))


def cut_tags(words: list[str]) -> tuple[str, ...]:
    """What fits of tags: the beginning of each, and the first of them."""
    cut = (_plain(tag)[:MAX_TAG] for word in words for tag in word.split(","))
    return tags(list(dict.fromkeys(filter(None, map(str.strip, cut))))[:MAX_TAGS])


def key_name(text: str) -> str:
    """A name for an API key. Raises `InvalidField` when it is too long, or nothing is left of it."""
    name = _cleaned(text, MAX_KEY_NAME, "name")
    if not name:
        raise InvalidField("An API key needs a name.", field="name")
    return name


def expires_in(text: str) -> int | None:
    """Seconds that an image is to live; None where nothing is said. Raises `InvalidField`."""
    text = text.strip()
    if not text:
        return None
    most = int(LONGEST_LIFE.total_seconds())
    if not (text.isascii() and text.isdecimal() and len(text) < 12 and 1 <= int(text) <= most):
        raise InvalidField("An image lives at least a second and at most ten years.", field="expires_in", limit=most)
    return int(text)


def expires_at(time: datetime | None, now: datetime) -> datetime | None:
    """The end of an image's life, in UTC. Raises `InvalidField` when it is not in the next ten years."""
    if time is None:
        return None
    if time.tzinfo is None or not now < time <= now + LONGEST_LIFE:
        raise InvalidField("An image ends at a time in the next ten years, with its offset.", field="expires_at")
    return time.astimezone(UTC)


def _cleaned(text: str, limit: int, field: str, keep: str = "") -> str:
    """What is stored of a text. The limit counts for what is sent, as it is told, and for what is stored."""
    plain = _plain(text, keep)
    if max(len(text), len(plain)) > limit:
        raise InvalidField(f"The {field} can have {limit} characters at most.", field=field, limit=limit)
    return plain.strip()


def _plain(text: str, keep: str = "") -> str:
    normal = unicodedata.normalize("NFC", text)
    return "".join(c for c in normal if c in keep or unicodedata.category(c) not in ("Cc", "Cs"))
