"""The database of the original Chitram, a FastAPI application: only read.

Its tables are `users`, `images` and, in newer ones, `tags` and `image_tags`. Columns that came with a later version are
taken where they are. Ids are texts; what is in the texts is not to be believed.
"""

import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import cast

import asyncpg
from msgspec import Struct

from contracts.errors import Refused
from infrastructure.postgres.connection import Connection, fetch, terminate
from infrastructure.postgres.errors import DRIVER_ERRORS

_DRIVER = re.compile(r"^(postgres(?:ql)?)\+\w+://")
"""What SQLAlchemy writes into the scheme."""

_CONNECT, _ANSWER = 5.0, 60.0
"""Seconds."""


class OldUser(Struct, frozen=True):
    """An account. `password_hash` is bcrypt's, or None where somebody else knew the password."""

    id: str
    email: str
    password_hash: str | None
    is_active: bool
    created_at: datetime


class OldImage(Struct, frozen=True):
    """An image. Its file is called `storage_key`; `delete_token_hash` is the hexadecimal SHA-256 of the token."""

    id: str
    filename: str
    storage_key: str
    content_type: str
    created_at: datetime
    user_id: str | None
    delete_token_hash: str | None
    tags: tuple[str, ...]


class Original:
    """Made by `open_original`. Methods raise Unavailable."""

    def __init__(self, connection: Connection, users: frozenset[str], images: frozenset[str], has_tags: bool) -> None:
        self._connection = connection
        self._users = users
        self._images = images
        self._has_tags = has_tags

    async def count(self) -> tuple[int, int]:
        """How many users and images there are."""
        users = await fetch(self._connection, "SELECT count(*) FROM users") if self._users else [(0,)]
        return users[0][0], (await fetch(self._connection, "SELECT count(*) FROM images"))[0][0]

    async def users(self, after: str, limit: int) -> Sequence[OldUser]:
        """The next users after an id, from the first on where that is empty."""
        if not self._users:
            return ()
        rows = await fetch(
            self._connection,
            f"""
            SELECT id::text, email::text, {_or_null("password_hash", self._users)},
                {"is_active" if "is_active" in self._users else "TRUE"}, created_at
            FROM users
            {_after(after)}
            ORDER BY id
            LIMIT $1
            """,  # noqa: S608 - names of ours
            limit,
            *_bound(after),
        )
        return [OldUser(row[0], row[1], row[2], row[3], _in_utc(row[4])) for row in rows]

    async def images(self, after: str, limit: int) -> Sequence[OldImage]:
        """The next images after an id, likewise."""
        rows = await fetch(
            self._connection,
            f"""
            SELECT id::text, filename::text, storage_key::text, content_type::text, created_at,
                {_or_null("user_id", self._images)}, {_or_null("delete_token_hash", self._images)},
                {_TAGS if self._has_tags else "ARRAY[]::text[]"}
            FROM images
            {_after(after)}
            ORDER BY id
            LIMIT $1
            """,  # noqa: S608 - names of ours
            limit,
            *_bound(after),
        )
        return [
            OldImage(row[0], row[1], row[2], row[3], _in_utc(row[4]), row[5], row[6], tuple(row[7])) for row in rows
        ]


_TAGS = """
ARRAY(
    SELECT tags.name::text FROM image_tags INNER JOIN tags ON tags.id = image_tags.tag_id
    WHERE image_tags.image_id = images.id
    ORDER BY tags.name
)
"""


def _after(last: str) -> str:
    """By the column as it is, a text or a uuid, so that its index serves each page."""
    return "WHERE id > $2" if last else ""


def _bound(last: str) -> tuple[str, ...]:
    return (last,) if last else ()


def _or_null(column: str, known: frozenset[str]) -> str:
    return f"{column}::text" if column in known else "NULL"


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@contextlib.asynccontextmanager
async def open_original(address: str) -> AsyncIterator[Original]:
    """One connection, which can change nothing. Raises Refused when there is no such database, or it is another's."""
    try:
        alone = cast(
            "Connection",
            await asyncpg.connect(
                _DRIVER.sub(r"\1://", address),
                timeout=_CONNECT,
                command_timeout=_ANSWER,
                server_settings={"default_transaction_read_only": "on"},
            ),
        )
    except (ValueError, *DRIVER_ERRORS) as error:
        raise Refused(f"The database to import from can't be opened: {str(error) or type(error).__name__}.") from error
    try:
        images = await _columns(alone, "images")
        if not {"id", "filename", "storage_key", "content_type", "created_at"} <= images:
            raise Refused("This is no database of the original Chitram: it has no table “images” as that has.")
        tables = [await _columns(alone, name) for name in ("tags", "image_tags")]
        yield Original(alone, await _columns(alone, "users"), images, all(tables))
    finally:
        terminate(alone)


async def _columns(connection: Connection, table: str) -> frozenset[str]:
    rows = await fetch(
        connection,
        "SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1",
        table,
    )
    return frozenset(row[0] for row in rows)
