"""What is kept of uploads that may be sent again."""

from datetime import datetime
from typing import Protocol

from msgspec import Struct

from contracts.events import ImageEvent, decode
from contracts.images import Image
from infrastructure.postgres.primary import Primary

CONSTRAINT = "idempotency_keys_pkey"
"""What an insert breaks whose key somebody else has written meanwhile."""

PRUNE_ROWS = 5000
"""Rows deleted by one statement, so that none comes near its deadline."""


class Once(Protocol):
    """An upload that may be sent again. `key` and `request` are hashes; nothing here is the sender's own key."""

    @property
    def key(self) -> bytes: ...
    @property
    def request(self) -> bytes: ...
    @property
    def salt(self) -> bytes | None: ...


class Earlier(Struct, frozen=True):
    """An upload that was committed under a key: what it asked for, and the image that it was answered with.

    `lsn` is a WAL position not before its commit.
    """

    request: bytes
    image: Image
    salt: bytes | None
    lsn: str


async def select_earlier(primary: Primary, key: bytes) -> Earlier | None:
    """The upload under a key, if there was one."""
    rows = await primary.ask(
        "SELECT request, answer, salt, pg_current_wal_insert_lsn()::text FROM idempotency_keys WHERE key = $1", key
    )
    for request, answer, salt, lsn in rows:
        event = decode(answer)
        if isinstance(event, ImageEvent):
            return Earlier(request, event.image, salt, lsn)
    return None


class IdempotencyKeys:
    """The table of keys, for who keeps it small. Raises Unavailable."""

    def __init__(self, primary: Primary) -> None:
        self._primary = primary

    async def prune(self, before: datetime) -> int:
        """Forgets keys that were used before a time, and gives their number."""
        forgotten = 0
        while rows := await self._primary.fetch(
            """
            DELETE FROM idempotency_keys
            WHERE key IN (SELECT key FROM idempotency_keys WHERE created_at < $1 LIMIT $2)
            RETURNING key
            """,
            before,
            PRUNE_ROWS,
        ):
            forgotten += len(rows)
        return forgotten
