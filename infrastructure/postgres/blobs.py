"""Statements about a blob and the images that have it.

None is a change by itself: only the ledger uses them, inside transactions that write the events too.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from contracts.images import Blob, Derivative, Failure, Image, Status
from infrastructure.postgres.connection import Connection, fetch
from infrastructure.postgres.rows import SELECT_BLOBS, SELECT_IMAGES, blob_of, image_of, json_text


class Progress(Struct, frozen=True):
    """How far the rendering of a blob has come, and how many seconds it took."""

    state: Status
    seconds: float


async def update_ready(
    connection: Connection,
    blob_id: UUID,
    *,
    derivatives: tuple[Derivative, ...],
    placeholder: str | None,
    dominant_color: str | None,
    perceptual_hash: str | None,
    seconds: float | None,
) -> bool:
    """Whether there was a blob that wasn't ready; now it is."""
    rows = await fetch(
        connection,
        """
        UPDATE blobs
        SET
            state = 'ready',
            failure_code = NULL,
            failure_message = NULL,
            derivatives = $2,
            placeholder = $3,
            dominant_color = $4,
            perceptual_hash = $5,
            render_seconds = $6,
            verified_at = NULL
        WHERE id = $1 AND state <> 'ready'
        RETURNING id
        """,
        blob_id,
        json_text(derivatives),
        placeholder,
        dominant_color,
        perceptual_hash,
        seconds,
    )
    return bool(rows)


async def update_derivatives(
    connection: Connection, blob_id: UUID, derivatives: Sequence[Derivative], described: dict[str, str | None]
) -> None:
    """Replaces the derivatives of a blob and, where they are described anew, what it looks like."""
    await fetch(
        connection,
        """
        UPDATE blobs
        SET
            derivatives = $2,
            placeholder = coalesce($3, placeholder),
            dominant_color = coalesce($4, dominant_color),
            perceptual_hash = coalesce($5, perceptual_hash),
            verified_at = NULL
        WHERE id = $1
        """,
        blob_id,
        json_text(derivatives),
        described.get("placeholder"),
        described.get("dominant_color"),
        described.get("perceptual_hash"),
    )


async def update_failed(
    connection: Connection, blob_id: UUID, failure: Failure, *, for_good: bool, seconds: float | None
) -> bool:
    """Whether there was a blob whose rendering was still open; now it has failed."""
    rows = await fetch(
        connection,
        """
        UPDATE blobs
        SET
            state = 'failed',
            failure_code = $2,
            failure_message = $3,
            scope = CASE WHEN $4 THEN scope END,
            render_seconds = $5
        WHERE id = $1 AND state = 'processing'
        RETURNING id
        """,
        blob_id,
        failure.code,
        failure.message,
        for_good,
        seconds,
    )
    return bool(rows)


async def update_images(connection: Connection, blob_id: UUID, now: datetime) -> None:
    """Makes a new version of each live image of the blob, which waits if that is still to be rendered."""
    await fetch(
        connection,
        """
        UPDATE images
        SET
            version = version + 1,
            updated_at = $2,
            pending = (SELECT state = 'processing' FROM blobs WHERE blobs.id = $1)
        WHERE blob_id = $1 AND deleted_at IS NULL
        """,
        blob_id,
        now,
    )


async def select_images(connection: Connection, blob_id: UUID) -> tuple[Image, ...]:
    """The live images of the blob."""
    rows = await fetch(
        connection,
        f"{SELECT_IMAGES} WHERE images.blob_id = $1 AND images.deleted_at IS NULL ORDER BY images.id",
        blob_id,
    )
    return tuple(image_of(row) for row in rows)


async def update_pending(connection: Connection, image_id: UUID, now: datetime) -> bool:
    """Whether a live image waited for a blob that is rendered; now it doesn't, and is a new version."""
    rows = await fetch(
        connection,
        """
        UPDATE images
        SET version = version + 1, updated_at = $2, pending = FALSE
        FROM blobs
        WHERE
            images.id = $1 AND images.pending AND images.deleted_at IS NULL
            AND blobs.id = images.blob_id AND blobs.state <> 'processing'
        RETURNING images.id
        """,
        image_id,
        now,
    )
    return bool(rows)


async def select_progress(connection: Connection, blob_id: UUID) -> Progress | None:
    """How far the blob's rendering is; None when there is no such blob."""
    rows = await fetch(connection, "SELECT state, render_seconds FROM blobs WHERE id = $1", blob_id)
    return Progress(Status(rows[0][0]), rows[0][1] or 0.0) if rows else None


async def select_blob(connection: Connection, blob_id: UUID) -> Blob | None:
    """The blob, if there is one."""
    rows = await fetch(connection, f"{SELECT_BLOBS} WHERE id = $1", blob_id)
    return blob_of(rows[0]) if rows else None


async def lock_blob(connection: Connection, blob_id: UUID) -> Blob | None:
    """The blob, if there is one; until the transaction ends nobody else changes it or comes to point at it."""
    return (await lock_blobs(connection, [blob_id])).get(blob_id)


async def lock_blobs(connection: Connection, blob_ids: Sequence[UUID]) -> dict[UUID, Blob]:
    """Those of some blobs that there are, locked in the order of their ids, so that nobody waits in a circle."""
    rows = await fetch(connection, f"{SELECT_BLOBS} WHERE id = any($1::uuid[]) ORDER BY id FOR UPDATE", blob_ids)
    return {row["id"]: blob_of(row) for row in rows}


async def select_is_wanted(connection: Connection, blob_id: UUID) -> bool:
    """Whether a live image has the blob."""
    rows = await fetch(
        connection, "SELECT EXISTS (SELECT 1 FROM images WHERE blob_id = $1 AND deleted_at IS NULL)", blob_id
    )
    return bool(rows[0][0])


async def select_is_used(connection: Connection, blob_id: UUID) -> bool:
    """Whether an image has the blob, be it a deleted one that is still to be erased."""
    rows = await fetch(connection, "SELECT EXISTS (SELECT 1 FROM images WHERE blob_id = $1)", blob_id)
    return bool(rows[0][0])


async def delete_image(connection: Connection, image_id: UUID) -> None:
    """Removes a deleted image."""
    await fetch(connection, "DELETE FROM images WHERE id = $1 AND deleted_at IS NOT NULL", image_id)


async def delete_blob(connection: Connection, blob_id: UUID) -> None:
    """Removes the blob, which no image may have any more."""
    await fetch(connection, "DELETE FROM blobs WHERE id = $1", blob_id)
