"""Changes of where a blob's copies are, and of what is known of them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from contracts.events import ImageFailed, ImageMoved, ImageReady, ImageUploaded
from contracts.images import Blob, Failure, Image, Status
from infrastructure.postgres import blobs
from infrastructure.postgres.connection import Connection, fetch
from infrastructure.postgres.discarded import Copy, insert_discarded
from infrastructure.postgres.events import insert_event
from infrastructure.postgres.ledger import renew_images
from infrastructure.postgres.primary import Primary
from infrastructure.postgres.rerenders import WHERE_LISTED
from infrastructure.postgres.rows import json_text


class Moves:
    """The only way to change a placement. Its methods raise Unavailable and OutcomeUnknown, and may be repeated."""

    def __init__(self, primary: Primary, *, clock: Callable[[], datetime], new_id: Callable[[], UUID]) -> None:
        """`clock` gives aware times; `new_id` gives the ids of events."""
        self._primary = primary
        self._clock = clock
        self._new_id = new_id

    async def intend(self, copies: Sequence[Copy], not_before: datetime) -> None:
        """Writes down copies that are about to be made: should nobody come to name them, they go after that time.

        Waits for whoever is deleting one of them at the moment.
        """
        await self._primary.write(
            """
            INSERT INTO discarded (key, shard, not_before)
            SELECT key, shard, $3 FROM unnest($1::text[], $2::text[]) AS given (key, shard)
            ON CONFLICT (key, shard) DO UPDATE SET not_before = excluded.not_before
            """,
            [key for key, _ in copies],
            [shard for _, shard in copies],
            not_before,
        )

    async def record(self, before: Blob, after: Blob, *, discarded: Sequence[Copy], not_before: datetime) -> bool:
        """Names other copies of a blob's objects. Says ImageMoved for each of its images.

        What is `discarded` is deleted after a time, when no reader can be on the way to it. False when the blob is gone
        or somebody else has changed its placements or derivatives: then nothing is done.
        """

        async def work(connection: Connection) -> bool:
            recorded = await blobs.lock_blob(connection, before.id)
            if recorded is None or _places(recorded) != _places(before):
                return False
            await _update_places(connection, after)
            await _delete_intended(connection, after)
            await insert_discarded(connection, discarded, not_before)
            await self._tell(connection, after.id)
            return True

        return (await self._primary.transact(work))[0]

    async def _tell(self, connection: Connection, blob_id: UUID) -> None:
        """Not through `renew_images`: nothing that people see has changed, so times and waiting stay as they are."""
        await fetch(
            connection, "UPDATE images SET version = version + 1 WHERE blob_id = $1 AND deleted_at IS NULL", blob_id
        )
        now = self._clock()
        for image in await blobs.select_images(connection, blob_id):
            await insert_event(connection, ImageMoved(self._new_id(), now, image))

    async def stamp(self, found: Sequence[Blob]) -> dict[UUID, str]:
        """Notes that all copies of some blobs were found good just now; gives the codes of failures they have.

        One whose placements or derivatives somebody has changed meanwhile is left out: nobody has read what it names.
        """

        async with self._primary.transaction() as connection:
            recorded = await blobs.lock_blobs(connection, [blob.id for blob in found])
            good = [blob.id for blob in found if blob.id in recorded and _places(recorded[blob.id]) == _places(blob)]
            return await _update_verified(connection, good, self._clock())

    async def record_lost(self, blob_id: UUID, failure: Failure) -> bool:
        """Notes that no good copy of a blob's original is left. Says ImageFailed for each of its images, once.

        Uploads of the same bytes get a blob of their own from then on.
        """

        async def work(connection: Connection) -> bool:
            if await blobs.lock_blob(connection, blob_id) is None or not await _update_lost(
                connection, blob_id, failure
            ):
                return False
            now = self._clock()
            await renew_images(connection, blob_id, now, lambda image: ImageFailed(self._new_id(), now, image))
            return True

        return (await self._primary.transact(work))[0]

    async def record_found(self, blob_id: UUID, code: str) -> bool:
        """Takes back a `record_lost` whose failure had this code: good bytes are there again.

        Says ImageReady for each of its images, or ImageUploaded where it has still to be rendered.
        """

        async def work(connection: Connection) -> bool:
            if not await _update_found(connection, blob_id, code):
                return False
            now = self._clock()

            def say(image: Image) -> ImageReady | ImageUploaded:
                event = ImageReady if image.status is Status.READY else ImageUploaded
                return event(self._new_id(), now, image)

            await renew_images(connection, blob_id, now, say)
            return True

        return (await self._primary.transact(work))[0]

    async def request_rerender(self, blob_id: UUID, variants: Sequence[str]) -> None:
        """Has derivatives made anew of which no good copy is left."""
        await self._primary.write(
            f"""
            INSERT INTO rerenders (blob_id, variants, requested_at) SELECT id, $2, $3 FROM blobs WHERE id = $1
            {WHERE_LISTED}
            """,  # noqa: S608 - a constant of the list's own module
            blob_id,
            list(variants),
            self._clock(),
        )


def _places(blob: Blob) -> tuple[object, ...]:
    return blob.placement, blob.derivatives


async def _update_places(connection: Connection, blob: Blob) -> None:
    await fetch(
        connection,
        "UPDATE blobs SET placement = $2, derivatives = $3, verified_at = NULL WHERE id = $1",
        blob.id,
        blob.placement,
        json_text(blob.derivatives),
    )


async def _update_verified(connection: Connection, blob_ids: Sequence[UUID], now: datetime) -> dict[UUID, str]:
    """Gives the codes of failures they have."""
    rows = await fetch(
        connection,
        "UPDATE blobs SET verified_at = $2 WHERE id = any($1::uuid[]) RETURNING id, failure_code",
        blob_ids,
        now,
    )
    return {blob_id: code for blob_id, code in rows if code}


async def _delete_intended(connection: Connection, blob: Blob) -> None:
    """What a row names is nobody's to delete."""
    copies = [(blob.key, shard) for shard in blob.placement]
    copies += [(made.key, shard) for made in blob.derivatives for shard in made.placement]
    await fetch(
        connection,
        "DELETE FROM discarded USING unnest($1::text[], $2::text[]) AS named (key, shard) "
        "WHERE discarded.key = named.key AND discarded.shard = named.shard",
        [key for key, _ in copies],
        [shard for _, shard in copies],
    )


async def _update_lost(connection: Connection, blob_id: UUID, failure: Failure) -> bool:
    rows = await fetch(
        connection,
        """
        UPDATE blobs
        SET state = 'failed', failure_code = $2, failure_message = $3, scope = NULL
        WHERE id = $1 AND failure_code IS DISTINCT FROM $2
        RETURNING id
        """,
        blob_id,
        failure.code,
        failure.message,
    )
    return bool(rows)


async def _update_found(connection: Connection, blob_id: UUID, code: str) -> bool:
    rows = await fetch(
        connection,
        """
        UPDATE blobs
        SET
            state = CASE WHEN derivatives = '[]' THEN 'processing' ELSE 'ready' END,
            failure_code = NULL,
            failure_message = NULL
        WHERE id = $1 AND failure_code = $2
        RETURNING id
        """,
        blob_id,
        code,
    )
    return bool(rows)
