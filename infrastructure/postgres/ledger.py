"""Changes of images: each is one transaction of the rows and the event that tells of it.

Whoever locks both kinds of row locks the blob first and its images after it; a change of one image locks only
that image. So transactions wait for each other and never in a circle.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from contracts.audit import Deed
from contracts.errors import QuotaExceeded, Unavailable
from contracts.events import ImageEvent, ImageFailed, ImageReady, ImageUploaded
from contracts.images import Blob, Derivative, Failure, Image, Status
from contracts.principals import SYSTEM, Principal
from infrastructure.postgres import arrivals, blobs
from infrastructure.postgres.arrivals import Arrival
from infrastructure.postgres.audit import deed_values, insert_deed
from infrastructure.postgres.blobs import Progress
from infrastructure.postgres.changes import StoredImage, deed_of, kind_of, lock_image, update_image
from infrastructure.postgres.connection import Connection
from infrastructure.postgres.discarded import Copy, insert_discarded
from infrastructure.postgres.events import insert_event
from infrastructure.postgres.idempotency import Earlier, Once, select_earlier
from infrastructure.postgres.primary import Primary

ATTEMPTS = 5
"""How often an upload looks for the blob with its bytes before it gives up."""


class Committed(Struct, frozen=True):
    """A change that is durable: the image after it, a WAL position not before its commit, and the event that tells."""

    image: Image
    lsn: str
    event: ImageEvent


class Ledger:
    """The only way to change an image. What people do to one stands in the audit log, as done `by` somebody.

    Each method raises OutcomeUnknown when its commit was sent and no answer came, and Unavailable when it
    certainly did nothing: no server that takes writes, or a row that another transaction kept locked.
    """

    def __init__(self, primary: Primary, *, clock: Callable[[], datetime], new_id: Callable[[], UUID]) -> None:
        """`clock` gives aware times; `new_id` gives the ids of events."""
        self._primary = primary
        self._clock = clock
        self._new_id = new_id

    async def select_same(self, sha256: str, scope: str | None) -> Blob | None:
        """The blob with these bytes that images of this scope share; None when there is none, or no scope."""
        return None if scope is None else await arrivals.select_same(self._primary, sha256, scope)

    async def select_earlier(self, key: bytes) -> Earlier | None:
        """The upload that was committed under an idempotency key, if there was one."""
        return await select_earlier(self._primary, key)

    async def insert(
        self,
        image: Image,
        *,
        delete_token_hash: bytes | None,
        scope: str | None = None,
        same: Blob | None = None,
        by: Principal = SYSTEM,
        once: Once | None = None,
    ) -> Committed | None:
        """Stores a new image with its new blob, or beside others that have the same bytes. Says ImageUploaded.

        Within a scope the same bytes are stored once: `same` is the blob that was found with them, if one was. When the
        image gets a blob that is there, its own one's objects are given up. The image is what the caller is shown:
        nothing in it tells of the others. Where an upload was committed under the key of `once`, nothing is stored, the
        objects are given up and None is given.

        Raises QuotaExceeded, and Unavailable when blobs come and go too fast to be caught: the objects are given up
        then too.
        """
        for _ in range(ATTEMPTS):
            event = ImageUploaded(self._new_id(), self._clock(), replace(image, blob=same) if same else image)
            deed = Deed(action="image.uploaded", image_id=image.id, user_id=image.owner_id)
            entry = deed_values(self._new_id(), event.occurred_at, by, deed)
            arrival = Arrival(event, delete_token_hash, scope, entry, once)
            try:
                if same:
                    lsn = await arrivals.insert_beside(self._primary, arrival, image.blob)
                else:
                    lsn = await arrivals.insert_with_blob(self._primary, arrival)
            except arrivals.KeyTaken:
                await self._give_up(image)
                return None
            except arrivals.QuotaUsedUp:
                await self._give_up(image)
                raise QuotaExceeded from None
            if lsn:
                return Committed(event.image, lsn, event)
            same = await self.select_same(image.blob.sha256, scope)
        await self._give_up(image)
        raise Unavailable

    async def _give_up(self, image: Image) -> None:
        async with self._primary.transaction() as connection:
            await insert_discarded(connection, copies_of(image.blob), image.created_at)

    async def update(
        self, image_id: UUID, decide: Callable[[StoredImage], Image], *, by: Principal = SYSTEM
    ) -> Committed:
        """Stores the words and rights of the image that `decide` makes of the one it is shown.

        Says ImageChanged, or ImageTrashed or ImageRestored when it comes into the trash or out of it. Filename,
        visibility, owner, description, tags, metadata, expiry, trash and link epoch are taken from it; the rest
        stays, and version and time of change are set here. Raises ImageNotFound, or what `decide` raises to refuse.
        `decide` runs while the row is locked, and again if the transaction has to be repeated: it must have no effects.
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
                link_epoch=wish.link_epoch,
                trashed_at=wish.trashed_at,
            )

        return await self._change(image_id, change, by)

    async def delete(
        self, image_id: UUID, decide: Callable[[StoredImage], None], *, by: Principal = SYSTEM
    ) -> Committed:
        """Marks an image as deleted, for good. Says ImageDeleted.

        Raises ImageNotFound, or what `decide` raises to refuse; what holds for `update`'s holds for this one.
        """

        def change(stored: StoredImage, now: datetime) -> Image:
            decide(stored)
            return replace(stored.image, version=stored.image.version + 1, updated_at=now, deleted_at=now)

        return await self._change(image_id, change, by)

    async def withdraw(
        self, image_id: UUID, decide: Callable[[StoredImage], bool], *, by: Principal = SYSTEM
    ) -> Committed:
        """Puts an image into the trash where `decide` says so, else marks it as deleted, for good.

        Says ImageTrashed or ImageDeleted. Raises ImageNotFound, or what `decide` raises to refuse; what holds for
        `update`'s holds for this one.
        """

        def change(stored: StoredImage, now: datetime) -> Image:
            what = {"trashed_at": now} if decide(stored) else {"deleted_at": now}
            return replace(stored.image, version=stored.image.version + 1, updated_at=now, **what)

        return await self._change(image_id, change, by)

    async def _change(
        self, image_id: UUID, change: Callable[[StoredImage, datetime], Image], by: Principal
    ) -> Committed:
        async def work(connection: Connection) -> ImageEvent:
            stored = await lock_image(connection, image_id)
            now = self._clock()
            image = change(stored, now)
            await update_image(connection, image)
            event = kind_of(stored.image, image)(self._new_id(), now, image)
            await insert_event(connection, event)
            await insert_deed(connection, self._new_id(), now, by, deed_of(stored.image, image))
            return event

        event, lsn = await self._primary.transact(work)
        return Committed(event.image, lsn, event)

    async def note(self, image_id: UUID, decide: Callable[[StoredImage], Deed], *, by: Principal) -> None:
        """Adds an entry to the audit log about an image that stays as it is; `decide` may refuse.

        Raises ImageNotFound, or what `decide` raises; what holds for `update`'s holds for this one.
        """

        async def work(connection: Connection) -> None:
            deed = decide(await lock_image(connection, image_id))
            await insert_deed(connection, self._new_id(), self._clock(), by, deed)

        await self._primary.transact(work)

    async def record_ready(
        self,
        blob_id: UUID,
        *,
        derivatives: Sequence[Derivative],
        placeholder: str | None,
        dominant_color: str | None,
        perceptual_hash: str | None,
        seconds: float | None = None,
    ) -> tuple[Image, ...]:
        """Stores what was rendered of a blob. Says ImageReady for each of its images and gives these.

        `seconds` is how long that took. A blob that is ready already, or gone, is left alone: then nothing is said and
        () given.
        """

        def update_blob(connection: Connection) -> Awaitable[bool]:
            return blobs.update_ready(
                connection,
                blob_id,
                derivatives=tuple(derivatives),
                placeholder=placeholder,
                dominant_color=dominant_color,
                perceptual_hash=perceptual_hash,
                seconds=seconds,
            )

        return await self._settle(blob_id, update_blob, ImageReady)

    async def record_failed(
        self, blob_id: UUID, failure: Failure, *, for_good: bool, seconds: float | None = None
    ) -> tuple[Image, ...]:
        """Stores why a blob can't be rendered. Says ImageFailed for each of its images and gives these.

        Unless it is `for_good`, the bytes being bad, nobody new gets this blob: the same bytes, sent again, get another
        chance. A blob that is ready, failed already, or gone, is left alone: then nothing is said and () given.
        """

        def update_blob(connection: Connection) -> Awaitable[bool]:
            return blobs.update_failed(connection, blob_id, failure, for_good=for_good, seconds=seconds)

        return await self._settle(blob_id, update_blob, ImageFailed)

    async def record_joined(self, image_id: UUID) -> Image | None:
        """Ends the waiting of an image whose blob was rendered for others. Says ImageReady or ImageFailed.

        An image that doesn't wait, is deleted, or whose blob is still to be rendered, is left alone: then nothing is
        said and None given.
        """

        async def work(connection: Connection) -> Image | None:
            now = self._clock()
            if not await blobs.update_pending(connection, image_id, now):
                return None
            image = (await lock_image(connection, image_id)).image
            kind = ImageReady if image.status is Status.READY else ImageFailed
            await insert_event(connection, kind(self._new_id(), now, image))
            return image

        return (await self._primary.transact(work))[0]

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

    async def select_over(self, now: datetime, emptied: datetime, limit: int) -> tuple[UUID, ...]:
        """Images that are not deleted and whose time was over at `now`, or that were in the trash at `emptied`.

        Of either kind `limit` at most, the longest gone.
        """
        rows = await self._primary.fetch(
            """
            (SELECT id FROM images WHERE expires_at <= $1 AND deleted_at IS NULL ORDER BY expires_at LIMIT $3)
            UNION
            (SELECT id FROM images WHERE trashed_at <= $2 AND deleted_at IS NULL ORDER BY trashed_at LIMIT $3)
            """,
            now,
            emptied,
            limit,
        )
        return tuple(row[0] for row in rows)

    async def progress_of(self, blob_id: UUID) -> Progress | None:
        """How far a blob's rendering is, needed or not; None when it is not on record any more."""
        async with self._primary.borrow() as connection:
            return await blobs.select_progress(connection, blob_id)

    async def erase(self, image_id: UUID, blob_id: UUID, not_before: datetime) -> None:
        """Removes a deleted image for good, and its blob when no other image has it.

        The blob's objects are given up in the same transaction, to be deleted after `not_before`. Once it is locked
        nobody can come to the blob any more, and whoever was faster keeps it.
        """

        async def work(connection: Connection) -> None:
            blob = await blobs.lock_blob(connection, blob_id)
            await blobs.delete_image(connection, image_id)
            if blob and not await blobs.select_is_used(connection, blob_id):
                await insert_discarded(connection, copies_of(blob), not_before)
                await blobs.delete_blob(connection, blob_id)

        await self._primary.transact(work)


async def renew_images(
    connection: Connection, blob_id: UUID, now: datetime, say: Callable[[Image], ImageEvent]
) -> tuple[Image, ...]:
    """Gives each live image of a blob that has changed a new version, and says so. The blob is locked already."""
    await blobs.update_images(connection, blob_id, now)
    images = await blobs.select_images(connection, blob_id)
    for image in images:
        await insert_event(connection, say(image))
    return images


def copies_of(blob: Blob) -> Iterator[Copy]:
    """Every copy of every object of a blob."""
    for key, placement in [(blob.key, blob.placement), *((made.key, made.placement) for made in blob.derivatives)]:
        for shard in placement:
            yield key, shard
