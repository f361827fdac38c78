"""What is left of accounts that were deleted: their images first, then a row without a name."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from contracts.audit import Deed
from contracts.events import ImageDeleted
from contracts.principals import Principal
from infrastructure.postgres.audit import insert_deed
from infrastructure.postgres.connection import Connection, fetch
from infrastructure.postgres.credentials import Recorded
from infrastructure.postgres.events import insert_event
from infrastructure.postgres.primary import Primary
from infrastructure.postgres.rows import SELECT_IMAGES, image_of

ACCOUNTS = 100
"""Deleted accounts looked at in one round."""


class Departures:
    """Deletes what belonged to deleted accounts. All methods raise Unavailable, `delete_images` OutcomeUnknown too."""

    def __init__(self, primary: Primary, *, clock: Callable[[], datetime], new_id: Callable[[], UUID]) -> None:
        """`clock` gives aware times; `new_id` gives the ids of events and audit entries."""
        self._primary = primary
        self._clock = clock
        self._new_id = new_id

    async def delete_images(self, owner_id: UUID, limit: int, by: Principal) -> Recorded:
        """Marks up to `limit` images of a user as deleted, for good. Says ImageDeleted for each."""

        async def work(connection: Connection) -> tuple[ImageDeleted, ...]:
            now = self._clock()
            ids = await _lock_images(connection, owner_id, limit)
            rows = await fetch(connection, f"{SELECT_IMAGES} WHERE images.id = any($1::uuid[]) ORDER BY images.id", ids)
            await _update_deleted(connection, ids, now)
            events = []
            for image in map(image_of, rows):
                gone = replace(image, version=image.version + 1, updated_at=now, deleted_at=now)
                events.append(ImageDeleted(self._new_id(), now, gone))
                await insert_event(connection, events[-1])
                deed = Deed(action="image.deleted", image_id=image.id, user_id=owner_id, details={"account": "deleted"})
                await insert_deed(connection, self._new_id(), now, by, deed)
            return tuple(events)

        return Recorded(*await self._primary.transact(work))

    async def count_images(self, owner_id: UUID) -> int:
        """How many images a user has."""
        rows = await self._primary.fetch(
            "SELECT count(*) FROM images WHERE owner_id = $1 AND deleted_at IS NULL", owner_id
        )
        return int(rows[0][0])

    async def select_departing(self) -> tuple[UUID, ...]:
        """Accounts that were deleted and have a row still, the oldest first."""
        rows = await self._primary.fetch(
            "SELECT id FROM users WHERE deleted_at IS NOT NULL ORDER BY deleted_at LIMIT $1", ACCOUNTS
        )
        return tuple(row[0] for row in rows)

    async def forget(self, user_id: UUID, before: datetime) -> None:
        """Removes the row of an account that was deleted before a time and has no images any more."""
        await self._primary.fetch(
            """
            DELETE FROM users
            WHERE
                id = $1
                AND deleted_at < $2
                AND NOT EXISTS (SELECT 1 FROM images WHERE owner_id = $1 AND deleted_at IS NULL)
            """,
            user_id,
            before,
        )


async def _lock_images(connection: Connection, owner_id: UUID, limit: int) -> list[UUID]:
    rows = await fetch(
        connection,
        "SELECT id FROM images WHERE owner_id = $1 AND deleted_at IS NULL ORDER BY id LIMIT $2 FOR UPDATE",
        owner_id,
        limit,
    )
    return [row[0] for row in rows]


async def _update_deleted(connection: Connection, ids: list[UUID], now: datetime) -> None:
    await fetch(
        connection,
        "UPDATE images SET version = version + 1, updated_at = $2, deleted_at = $2 WHERE id = any($1::uuid[])",
        ids,
        now,
    )
