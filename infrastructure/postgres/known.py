"""Which ids have ever been used here, for who brings images and accounts along with theirs."""

from collections.abc import Sequence
from uuid import UUID

from infrastructure.postgres.primary import Primary


class Known:
    """Methods raise Unavailable."""

    def __init__(self, primary: Primary) -> None:
        self._primary = primary

    async def images(self, ids: Sequence[UUID]) -> set[UUID]:
        """Those of images that are here or, as the audit log tells, have been."""
        return await self._ask(
            """
            SELECT wanted.id
            FROM unnest($1::uuid[]) AS wanted (id)
            WHERE
                EXISTS (SELECT 1 FROM images WHERE images.id = wanted.id)
                OR EXISTS (SELECT 1 FROM audit WHERE audit.image_id = wanted.id)
            """,
            ids,
        )

    async def users(self, ids: Sequence[UUID]) -> set[UUID]:
        """Those of accounts that are here or, as the audit log tells, have been."""
        return await self._ask(
            """
            SELECT wanted.id
            FROM unnest($1::uuid[]) AS wanted (id)
            WHERE
                EXISTS (SELECT 1 FROM users WHERE users.id = wanted.id)
                OR EXISTS (SELECT 1 FROM audit WHERE audit.user_id = wanted.id)
            """,
            ids,
        )

    async def owners(self, ids: Sequence[UUID]) -> set[UUID]:
        """Those of accounts that can have images."""
        return await self._ask("SELECT id FROM users WHERE id = any($1::uuid[]) AND deleted_at IS NULL", ids)

    async def _ask(self, statement: str, ids: Sequence[UUID]) -> set[UUID]:
        return {row[0] for row in await self._primary.ask(statement, list(ids))}
