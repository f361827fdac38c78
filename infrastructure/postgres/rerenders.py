"""The list of blobs whose variants are to be made anew, and the change that does it."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from contracts.events import ImageReady
from contracts.images import Blob, Derivative
from infrastructure.postgres import blobs
from infrastructure.postgres.connection import Connection, fetch
from infrastructure.postgres.discarded import insert_discarded
from infrastructure.postgres.ledger import renew_images
from infrastructure.postgres.primary import Primary
from infrastructure.postgres.rows import json_text

PAGE = 5000
"""Blobs that one statement looks at, so that none comes near its deadline."""

WHERE_LISTED = """
ON CONFLICT (blob_id) DO UPDATE
SET
    variants = ARRAY(SELECT DISTINCT unnest(rerenders.variants || excluded.variants)),
    requested_at = excluded.requested_at,
    attempts = 0,
    problem = NULL
"""
"""What becomes of a blob that is put on the list and is there already: all that was ever asked for is tried again."""


class Looked(Struct, frozen=True):
    """How far a request has come: the last blob looked at, None at the end; how many were, and are to be rendered."""

    last: UUID | None
    blobs: int
    requested: int


class Rerender(Struct, frozen=True):
    """A blob that is claimed: what is to be made anew of it, and how often it was claimed since it was requested."""

    blob: Blob
    variants: tuple[str, ...]
    requested_at: datetime
    attempts: int


class Backlog(Struct, frozen=True):
    """How many blobs wait, and how many could not be rendered."""

    waiting: int
    failed: int


class Rerenders:
    """The only way to replace derivatives. Its methods raise Unavailable."""

    def __init__(self, primary: Primary, *, clock: Callable[[], datetime], new_id: Callable[[], UUID]) -> None:
        """`clock` gives aware times; `new_id` gives the ids of events."""
        self._primary = primary
        self._clock = clock
        self._new_id = new_id

    async def request(
        self, after: UUID, wanted: Sequence[dict[str, object]], *, named: Sequence[str], since: datetime
    ) -> Looked:
        """Of the blobs that come after one, looks at the next and puts some of those that are ready on the list.

        On it goes each blob, created at `since` or later, with the variants that are `named`; where none is, with those
        of which it has no derivative as `wanted` describes it, a description being some of a derivative's fields.
        """
        rows = await self._primary.fetch(
            f"""
            WITH page AS (
                SELECT id, state, created_at, derivatives FROM blobs WHERE id > $1 ORDER BY id LIMIT $2
            ),

            due AS (
                SELECT
                    page.id,
                    ARRAY(
                        SELECT DISTINCT wanted ->> 'variant'
                        FROM jsonb_array_elements($3::jsonb) AS wanted
                        WHERE
                            wanted ->> 'variant' = any($4::text[])
                            OR (cardinality($4::text[]) = 0 AND NOT page.derivatives @> jsonb_build_array(wanted))
                    ) AS variants
                FROM page
                WHERE page.state = 'ready' AND page.created_at >= $5
            ),

            requested AS (
                INSERT INTO rerenders (blob_id, variants, requested_at)
                SELECT id, variants, $6 FROM due WHERE cardinality(variants) > 0
                {WHERE_LISTED}
                RETURNING blob_id
            )

            SELECT
                (SELECT id FROM page ORDER BY id DESC LIMIT 1),
                (SELECT count(*) FROM page),
                (SELECT count(*) FROM requested)
            """,  # noqa: S608 - a constant of this module
            after,
            PAGE,
            json_text(wanted),
            named,
            since,
            self._clock(),
        )
        return Looked(*rows[0])

    async def claim(self, lease: timedelta) -> Rerender | None:
        """Some blob of the list that nobody else has until `lease` is over; None when there is none.

        Blobs that no image needs any more are struck off.
        """
        while rows := await self._primary.fetch(
            """
            UPDATE rerenders SET claimed_until = now() + $1, attempts = attempts + 1
            WHERE blob_id = (
                SELECT blob_id FROM rerenders
                WHERE problem IS NULL AND claimed_until <= now()
                ORDER BY blob_id DESC
                LIMIT 1
                FOR UPDATE SKIP LOCKED
            )
            RETURNING blob_id, variants, requested_at, attempts
            """,
            lease,
        ):
            ((blob_id, variants, requested_at, attempts),) = rows
            async with self._primary.borrow() as connection:
                if await blobs.select_is_wanted(connection, blob_id) and (
                    blob := await blobs.select_blob(connection, blob_id)
                ):
                    return Rerender(blob, tuple(variants), requested_at, attempts)
                await _delete(connection, blob_id, requested_at)
        return None

    async def keep(self, claimed: Rerender, lease: timedelta) -> None:
        """Holds a claim for `lease` from now on."""
        await self._primary.fetch(
            "UPDATE rerenders SET claimed_until = now() + $2 WHERE blob_id = $1", claimed.blob.id, lease
        )

    async def give_back(self, claimed: Rerender, pause: timedelta, *, counts: bool) -> None:
        """Lets anyone claim it again after a pause; an attempt that does not count is forgotten."""
        await self._primary.fetch(
            "UPDATE rerenders SET claimed_until = now() + $2, attempts = attempts - $3 WHERE blob_id = $1",
            claimed.blob.id,
            pause,
            0 if counts else 1,
        )

    async def record_problem(self, claimed: Rerender, problem: str) -> None:
        """Leaves a blob as it is, and says why; asked for again, it is tried again."""
        await self._primary.fetch(
            "UPDATE rerenders SET problem = $3 WHERE blob_id = $1 AND requested_at = $2",
            claimed.blob.id,
            claimed.requested_at,
            problem,
        )

    async def record(
        self,
        claimed: Rerender,
        derivatives: Sequence[Derivative],
        *,
        described: dict[str, str | None],
        grace: timedelta,
    ) -> bool:
        """Gives a blob other derivatives and strikes it off the list. Says ImageReady for each of its images.

        `described` has the new placeholder, dominant colour and perceptual hash, where there are new ones. What is
        named no more is deleted after `grace`, when no reader can be on the way to it. False when somebody else has
        changed the derivatives since the claim: then nothing is done.
        """
        blob = claimed.blob

        async def work(connection: Connection) -> bool:
            recorded = await blobs.lock_blob(connection, blob.id)
            if recorded is None or recorded.derivatives != blob.derivatives:
                return False
            await _delete(connection, blob.id, claimed.requested_at)
            if tuple(derivatives) == blob.derivatives:
                return True
            now = self._clock()
            await blobs.update_derivatives(connection, blob.id, derivatives, described)
            given_up = {made.key: made for made in blob.derivatives}
            for made in derivatives:
                given_up.pop(made.key, None)
            copies = [(made.key, shard) for made in given_up.values() for shard in made.placement]
            await insert_discarded(connection, copies, now + grace)
            await renew_images(connection, blob.id, now, lambda image: ImageReady(self._new_id(), now, image))
            return True

        return (await self._primary.transact(work))[0]

    async def backlog(self) -> Backlog:
        """How much there is on the list."""
        rows = await self._primary.fetch(
            "SELECT count(*) FILTER (WHERE problem IS NULL), count(*) FILTER (WHERE problem IS NOT NULL) FROM rerenders"
        )
        return Backlog(*rows[0])

    async def select_problems(self, limit: int) -> tuple[tuple[UUID, str], ...]:
        """Images whose blobs could not be rendered anew, newest first, each with the reason."""
        rows = await self._primary.fetch(
            """
            SELECT images.id, rerenders.problem
            FROM rerenders
            INNER JOIN images ON rerenders.blob_id = images.blob_id
            WHERE rerenders.problem IS NOT NULL AND images.deleted_at IS NULL
            ORDER BY images.id DESC
            LIMIT $1
            """,
            limit,
        )
        return tuple((row[0], row[1]) for row in rows)

    async def clear(self) -> int:
        """Strikes everything off the list; gives how many blobs that were."""
        return len(await self._primary.fetch("DELETE FROM rerenders RETURNING blob_id"))


async def _delete(connection: Connection, blob_id: UUID, requested_at: datetime) -> None:
    """Strikes a blob off, unless it was asked for again meanwhile."""
    await fetch(connection, "DELETE FROM rerenders WHERE blob_id = $1 AND requested_at = $2", blob_id, requested_at)
