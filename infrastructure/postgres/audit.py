"""The audit log: entries are added by the transactions whose deeds they tell of, read by operators, dropped by age."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from contracts.audit import AuditEntry, Deed
from contracts.principals import Principal
from infrastructure.postgres.connection import Connection, fetch
from infrastructure.postgres.primary import Primary
from infrastructure.postgres.rows import json_text
from infrastructure.telemetry.request_id import request_id

PRUNE_ROWS = 5000
"""Rows deleted by one statement, so that none comes near its deadline."""


async def insert_deed(connection: Connection, entry_id: UUID, now: datetime, by: Principal, deed: Deed) -> None:
    """Adds an entry to the open transaction; the id of the request in hand goes with it."""
    await fetch(
        connection,
        """
        INSERT INTO audit (
            id, recorded_at, actor, actor_user_id, address, action, image_id, user_id, details, request_id
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        *deed_values(entry_id, now, by, deed),
    )


def deed_values(entry_id: UUID, now: datetime, by: Principal, deed: Deed) -> tuple[object, ...]:
    """The row of an entry: id, time, actor, actor's user, address, action, image, user, details, request."""
    return (
        entry_id,
        now,
        by.key,
        by.user_id,
        by.address,
        deed.action,
        deed.image_id,
        deed.user_id,
        json_text(deed.details),
        request_id.get(),
    )


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries: of an image, of or by a user, of an action, since and until a time; the `limit` newest."""

    limit: int
    image_id: UUID | None = None
    user_id: UUID | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditLog:
    """The log as a whole. Its methods raise Unavailable."""

    def __init__(self, primary: Primary) -> None:
        self._primary = primary

    async def select(self, asked: Asked) -> tuple[AuditEntry, ...]:
        """The newest entries that are asked for."""
        rows = await self._primary.fetch(
            """
            SELECT id, recorded_at, actor, actor_user_id, address, action, image_id, user_id, details, request_id
            FROM audit
            WHERE
                ($2::uuid IS NULL OR image_id = $2)
                AND ($3::uuid IS NULL OR user_id = $3 OR actor_user_id = $3)
                AND ($4::text IS NULL OR action = $4)
                AND ($5::timestamptz IS NULL OR recorded_at >= $5)
                AND ($6::timestamptz IS NULL OR recorded_at < $6)
            ORDER BY recorded_at DESC, id DESC
            LIMIT $1
            """,
            *msgspec.structs.astuple(asked),
        )
        return _entries(rows)

    async def prune(self, before: datetime) -> int:
        """Drops the entries from before a time, which must be a day ago or more; gives their number."""
        deleted = 0
        while batch := await self._delete_old(before):
            deleted += batch
        return deleted

    async def _delete_old(self, before: datetime) -> int:
        rows = await self._primary.fetch(
            """
            DELETE FROM audit
            WHERE id IN (SELECT id FROM audit WHERE recorded_at < $1 ORDER BY recorded_at LIMIT $2)
            RETURNING id
            """,
            before,
            PRUNE_ROWS,
        )
        return len(rows)


def _entries(rows: Sequence[asyncpg.Record]) -> tuple[AuditEntry, ...]:
    return tuple(AuditEntry(**{**row, "details": msgspec.json.decode(row["details"])}) for row in rows)
