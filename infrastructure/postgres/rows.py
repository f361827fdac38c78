"""An image as rows hold it, and as the struct that everyone else knows."""

from collections.abc import Iterable
from typing import Any

import asyncpg
import msgspec
from msgspec.structs import replace

from contracts.images import Blob, Derivative, Failure, Image, Status, Visibility

SELECT_BLOBS = """
SELECT
    id, sha256, size, content_type, width, height, frames, placement,
    derivatives, placeholder, dominant_color, perceptual_hash
FROM blobs
"""
"""The columns that `blob_of` expects; a WHERE clause follows it."""

SELECT_IMAGES = """
SELECT
    images.id,
    images.version,
    images.filename,
    images.visibility,
    images.owner_id,
    images.description,
    images.tags,
    images.metadata,
    images.metadata_stripped,
    images.place,
    images.pending,
    images.link_epoch,
    images.created_at,
    images.updated_at,
    images.expires_at,
    images.deleted_at,
    images.trashed_at,
    images.delete_token_hash,
    blobs.state,
    blobs.failure_code,
    blobs.failure_message,
    blobs.id,
    blobs.sha256,
    blobs.size,
    blobs.content_type,
    blobs.width,
    blobs.height,
    blobs.frames,
    blobs.placement,
    blobs.derivatives,
    blobs.placeholder,
    blobs.dominant_color,
    blobs.perceptual_hash
FROM images
INNER JOIN blobs ON images.blob_id = blobs.id
"""
"""The columns that `image_of` expects, in its order, those of `blob_of` at the end; a WHERE clause follows it.

They stand here once, beside the only functions that rely on their order.
"""

_derivatives: msgspec.json.Decoder[tuple[Derivative, ...]] = msgspec.json.Decoder(tuple[Derivative, ...])
_metadata: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])
_place: msgspec.json.Decoder[dict[str, float]] = msgspec.json.Decoder(dict[str, float])


def image_of(row: asyncpg.Record) -> Image:
    """The image in a row of `SELECT_IMAGES`.

    One that is pending is shown as if its blob had just been stored, whatever is known of the blob from others.
    By position, in one go: a list page does this a hundred times, and names would cost three times as much.
    """
    (
        image_id, version, filename, visibility, owner_id, description, tags, metadata, metadata_stripped, place,
        pending, link_epoch, created_at, updated_at, expires_at, deleted_at, trashed_at, _delete_token_hash,
        state, failure_code, failure_message,
        *columns,
    ) = row  # fmt: skip
    blob = blob_of(columns)
    if pending:
        state, failure_code, blob = Status.PROCESSING, None, _just_stored(blob)
    return Image(
        id=image_id,
        version=version,
        blob=blob,
        filename=filename,
        created_at=created_at,
        updated_at=updated_at,
        status=Status(state),
        failure=None if failure_code is None else Failure(failure_code, failure_message),
        visibility=Visibility(visibility),
        owner_id=owner_id,
        description=description,
        tags=tuple(tags),
        expires_at=expires_at,
        deleted_at=deleted_at,
        trashed_at=trashed_at,
        metadata=_metadata.decode(metadata),
        metadata_stripped=metadata_stripped,
        place=_place.decode(place),
        link_epoch=link_epoch,
    )


def _just_stored(blob: Blob) -> Blob:
    return replace(blob, derivatives=(), placeholder=None, dominant_color=None, perceptual_hash=None)


def blob_of(row: Iterable[Any]) -> Blob:
    """The blob in a row of `SELECT_BLOBS`."""
    (
        blob_id, sha256, size, content_type, width, height, frames, placement,
        derivatives, placeholder, dominant_color, perceptual_hash,
    ) = row  # fmt: skip
    return Blob(
        id=blob_id,
        sha256=sha256.hex(),
        size=size,
        content_type=content_type,
        width=width,
        height=height,
        frames=frames,
        placement=tuple(placement),
        derivatives=_derivatives.decode(derivatives),
        placeholder=placeholder,
        dominant_color=dominant_color,
        perceptual_hash=perceptual_hash,
    )


def json_text(value: object) -> str:
    """A value for a jsonb column, which the driver takes as text."""
    return msgspec.json.encode(value).decode()
