"""Changes of images: each is one transaction of the rows and the event that tells of it.

Whoever locks both kinds of row locks the blob first and its images after it; a change of one image locks only
that image. So transactions wait for each other and never in a circle.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from contracts.errors import ImageNotFound
from contracts.events import ImageChanged, ImageDeleted, ImageEvent, ImageFailed, ImageReady, ImageUploaded
from contracts.images import Blob, Derivative, Failure, Image, Status
from infrastructure.postgres import blobs
from infrastructure.postgres.connection import Connection, fetch
from infrastructure.postgres.events import event_values, insert_event
from infrastructure.postgres.primary import Primary
from infrastructure.postgres.rows import SELECT_IMAGES, image_of, json_text


class StoredImage(Struct, frozen=True):
    """An image as it stands, and the hash of the token that may delete it."""

    image: Image
    delete_token_hash: bytes | None


class Committed(Struct, frozen=True):
    """A change that is durable: the image after it, a WAL position not before its commit, and the event that tells."""

    image: Image
    lsn: str
    event: ImageEvent


class Ledger:
    """The only way to change an image.

    Each method raises OutcomeUnknown when its commit was sent and no answer came, and Unavailable when it
    certainly did nothing: no server that takes writes, or a row that another transaction kept locked.
    """

    def __init__(self, primary: Primary, *, clock: Callable[[], datetime], new_id: Callable[[], UUID]) -> None:
        """`clock` gives aware times; `new_id` gives the ids of events."""
        self._primary = primary
        self._clock = clock
        self._new_id = new_id

    async def insert(self, image: Image, *, delete_token_hash: bytes | None) -> Committed:
        """Stores a new image with its new blob. Says ImageUploaded."""
        event = ImageUploaded(self._new_id(), self._clock(), image)
        return Committed(image, await _insert_image(self._primary, event, delete_token_hash), event)

    async def update(self, image_id: UUID, decide: Callable[[StoredImage], Image]) -> Committed:
        """Stores the words and rights of the image that `decide` makes of the one it is shown. Says ImageChanged.

        Filename, visibility, owner, description, tags, metadata and expiry are taken from it; the rest stays, and
        version and time of change are set here. Raises ImageNotFound, or what `decide` raises to refuse. `decide`
        runs while the row is locked, and again if the transaction has to be repeated: it must have no effects.
        """

        def change(stored: StoredImage, now: datetime) -> Image:
            wish = decide(stored)
            return replace(
                stored.image,
                version=stored.image.version + 1,
                updated_at=now,
                filename=wish.filename,
                visibility=wish.visibility,
                owner_id=wish.owner_id,
                description=wish.description,
                tags=wish.tags,
                metadata=wish.metadata,
                metadata_stripped=wish.metadata_stripped,
                place=wish.place,
                expires_at=wish.expires_at,
            )

        return await self._change(image_id, change, ImageChanged)

    async def delete(self, image_id: UUID, decide: Callable[[StoredImage], None]) -> Committed:
        """Marks an image as deleted, for good. Says ImageDeleted.

        Raises ImageNotFound, or what `decide` raises to refuse; what holds for `update`'s holds for this one.
        """

        def change(stored: StoredImage, now: datetime) -> Image:
            decide(stored)
            return replace(stored.image, version=stored.image.version + 1, updated_at=now, deleted_at=now)

        return await self._change(image_id, change, ImageDeleted)

    async def _change(
        self,
        image_id: UUID,
        change: Callable[[StoredImage, datetime], Image],
        kind: type[ImageChanged] | type[ImageDeleted],
    ) -> Committed:
        async def work(connection: Connection) -> ImageEvent:
            await _lock_image(connection, image_id)
            now = self._clock()
            image = change(await _select_image(connection, image_id), now)
            await _update_image(connection, image)
            event = kind(self._new_id(), now, image)
            await insert_event(connection, event)
            return event

        event, lsn = await self._primary.transact(work)
        return Committed(event.image, lsn, event)

    async def record_ready(
        self,
        blob_id: UUID,
        *,
        derivatives: Sequence[Derivative],
        placeholder: str | None,
        dominant_color: str | None,
        perceptual_hash: str | None,
    ) -> tuple[Image, ...]:
        """Stores what was rendered of a blob. Says ImageReady for each of its images and gives these.

        A blob that is ready already, or gone, is left alone: then nothing is said and () given.
        """

        def update_blob(connection: Connection) -> Awaitable[bool]:
            return blobs.update_ready(
                connection,
                blob_id,
                derivatives=tuple(derivatives),
                placeholder=placeholder,
                dominant_color=dominant_color,
                perceptual_hash=perceptual_hash,
            )

        return await self._settle(blob_id, update_blob, ImageReady)

    async def record_failed(self, blob_id: UUID, failure: Failure) -> tuple[Image, ...]:
        """Stores why a blob can't be rendered. Says ImageFailed for each of its images and gives these.

        A blob that is ready, failed already, or gone, is left alone: then nothing is said and () given.
        """
        return await self._settle(
            blob_id, lambda connection: blobs.update_failed(connection, blob_id, failure), ImageFailed
        )

    async def _settle(
        self,
        blob_id: UUID,
        update_blob: Callable[[Connection], Awaitable[bool]],
        event: type[ImageReady] | type[ImageFailed],
    ) -> tuple[Image, ...]:
        async def work(connection: Connection) -> tuple[Image, ...]:
            if not await update_blob(connection):
                return ()
            now = self._clock()
            return await renew_images(connection, blob_id, now, lambda image: event(self._new_id(), now, image))

        return (await self._primary.transact(work))[0]

    async def state_of(self, blob_id: UUID) -> Status | None:
        """How far a blob's rendering is, needed or not; None when it is not on record any more."""
        async with self._primary.borrow() as connection:
            return await blobs.select_state(connection, blob_id)

    async def select_unwanted(self, blob_id: UUID) -> Blob | None:
        """A blob that no image needs any more, as it is recorded now; None when one does, or when it is gone."""
        async with self._primary.borrow() as connection:
            if await blobs.select_is_wanted(connection, blob_id):
                return None
            return await blobs.select_blob(connection, blob_id)

    async def erase(self, blob: Blob) -> bool:
        """Removes a blob and its deleted images for good.

        True when it is gone, now or already: its objects are nobody's then. False when an image needs it, or when it
        has been given derivatives that `blob` does not name, whose objects would be forgotten with the row.
        """

        async def work(connection: Connection) -> bool:
            # The lock keeps new images from pointing here: their foreign key needs the row.
            if not await blobs.lock_blob(connection, blob.id):
                return True
            if await blobs.select_is_wanted(connection, blob.id):
                return False
            recorded = await blobs.select_blob(connection, blob.id)
            if recorded is None or recorded.derivatives != blob.derivatives:
                return False
            await blobs.delete_images(connection, blob.id)
            await blobs.delete_blob(connection, blob.id)
            return True

        return (await self._primary.transact(work))[0]


async def renew_images(
    connection: Connection, blob_id: UUID, now: datetime, say: Callable[[Image], ImageEvent]
) -> tuple[Image, ...]:
    """Gives each live image of a blob that has changed a new version, and says so. The blob is locked already."""
    await blobs.update_images(connection, blob_id, now)
    images = await blobs.select_images(connection, blob_id)
    for image in images:
        await insert_event(connection, say(image))
    return images


async def _insert_image(primary: Primary, event: ImageUploaded, delete_token_hash: bytes | None) -> str:
    """Blob, image and event in one statement, so that an upload waits for one round trip and not for five."""
    return await primary.write(
        """
        WITH blob AS (
            INSERT INTO blobs (
                id, sha256, size, content_type, width, height, frames, placement, state,
                failure_code, failure_message, derivatives, placeholder, dominant_color, perceptual_hash, created_at
            )
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        ),

        image AS (
            INSERT INTO images (
                id, blob_id, version, filename, content_type, file_size, visibility, owner_id, delete_token_hash,
                description, tags, metadata, metadata_stripped, place, created_at, updated_at, expires_at, deleted_at
            )
            VALUES ($17, $1, $18, $19, $4, $3, $20, $21, $22, $23, $24, $25, $26, $27, $16, $28, $29, $30)
        )

        INSERT INTO outbox (id, subject_id, version, type, payload, created_at)
        VALUES ($31, $32, $33, $34, $35, $36)
        """,
        *_blob_values(event.image),
        *_image_values(event.image, delete_token_hash),
        *event_values(event),
    )


def _blob_values(image: Image) -> tuple[object, ...]:
    blob, failure = image.blob, image.failure
    return (
        blob.id,
        bytes.fromhex(blob.sha256),
        blob.size,
        blob.content_type,
        blob.width,
        blob.height,
        blob.frames,
        blob.placement,
        image.status.value,
        failure and failure.code,
        failure and failure.message,
        json_text(blob.derivatives),
        blob.placeholder,
        blob.dominant_color,
        blob.perceptual_hash,
        image.created_at,
    )


def _image_values(image: Image, delete_token_hash: bytes | None) -> tuple[object, ...]:
    """Those of a new image that its blob's values don't have yet."""
    return (
        image.id,
        image.version,
        image.filename,
        image.visibility.value,
        image.owner_id,
        delete_token_hash,
        image.description,
        image.tags,
        json_text(image.metadata),
        image.metadata_stripped,
        json_text(image.place),
        image.updated_at,
        image.expires_at,
        image.deleted_at,
    )


async def _lock_image(connection: Connection, image_id: UUID) -> None:
    """Raises ImageNotFound unless there is a live image. Until the transaction ends nobody else changes it."""
    rows = await fetch(connection, "SELECT id FROM images WHERE id = $1 AND deleted_at IS NULL FOR UPDATE", image_id)
    if not rows:
        raise ImageNotFound


async def _select_image(connection: Connection, image_id: UUID) -> StoredImage:
    """The image that was locked before.

    Its own statement and not part of the locking one: that may wait, and would then show the image as it is
    after the wait beside the blob as it was before.
    """
    rows = await fetch(connection, f"{SELECT_IMAGES} WHERE images.id = $1", image_id)
    return StoredImage(image_of(rows[0]), rows[0]["delete_token_hash"])


async def _update_image(connection: Connection, image: Image) -> None:
    await fetch(
        connection,
        """
        UPDATE images
        SET
            version = $2,
            updated_at = $3,
            filename = $4,
            visibility = $5,
            owner_id = $6,
            description = $7,
            tags = $8,
            metadata = $9,
            metadata_stripped = $10,
            place = $11,
            expires_at = $12,
            deleted_at = $13
        WHERE id = $1
        """,
        image.id,
        image.version,
        image.updated_at,
        image.filename,
        image.visibility.value,
        image.owner_id,
        image.description,
        image.tags,
        json_text(image.metadata),
        image.metadata_stripped,
        json_text(image.place),
        image.expires_at,
        image.deleted_at,
    )
