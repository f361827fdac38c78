"""How far walks over all blobs have come: they outlive whoever walks."""

from datetime import timedelta
from uuid import UUID

from infrastructure.postgres.primary import Primary


class Walks:
    """Named places on the way over all blobs. Its methods raise Unavailable."""

    def __init__(self, primary: Primary) -> None:
        self._primary = primary

    async def claim(self, walk: str, lease: timedelta) -> UUID | None:
        """Where to go on; nobody else gets the walk until the lease is over. None while somebody else has it."""
        rows = await self._primary.fetch(
            """
            INSERT INTO walks (walk, claimed_until) VALUES ($1, now() + $2)
            ON CONFLICT (walk) DO UPDATE SET claimed_until = excluded.claimed_until WHERE walks.claimed_until <= now()
            RETURNING reached
            """,
            walk,
            lease,
        )
        return rows[0][0] if rows else None

    async def position(self, walk: str, version: int) -> UUID:
        """How far a walk with this list of shards in mind had come; the beginning when there is none."""
        rows = await self._primary.ask("SELECT reached FROM walks WHERE walk = $1 AND version = $2", walk, version)
        return rows[0][0] if rows else UUID(int=0)

    async def save(self, walk: str, position: UUID, *, version: int = 0) -> None:
        """Notes how far a walk has come."""
        await self._primary.write(
            """
            INSERT INTO walks (walk, reached, version) VALUES ($1, $2, $3)
            ON CONFLICT (walk) DO UPDATE SET reached = excluded.reached, version = excluded.version
            """,
            walk,
            position,
            version,
        )

    async def release(self, walk: str) -> None:
        """Lets somebody else have the walk."""
        await self._primary.write("UPDATE walks SET claimed_until = '-infinity' WHERE walk = $1", walk)
