"""A change of one image: the row that it locks and writes, the event that tells of it, its entry in the audit log.

None is a change by itself: only the ledger uses them, inside one transaction.
"""

from uuid import UUID

from msgspec import Struct

from contracts.audit import Deed
from contracts.errors import ImageNotFound
from contracts.events import ImageChanged, ImageDeleted, ImageEvent, ImageRestored, ImageTrashed
from contracts.images import Image
from infrastructure.postgres.connection import Connection, fetch
from infrastructure.postgres.rows import SELECT_IMAGES, image_of, json_text


class StoredImage(Struct, frozen=True):
    """An image as it stands, and the hash of the token that may delete it."""

    image: Image
    delete_token_hash: bytes | None


def kind_of(before: Image, after: Image) -> type[ImageEvent]:
    """Which event tells of a change of an image."""
    if after.deleted_at is not None:
        return ImageDeleted
    if (before.trashed_at is None) == (after.trashed_at is None):
        return ImageChanged
    return ImageRestored if after.trashed_at is None else ImageTrashed


_ACTIONS = {ImageDeleted: "image.deleted", ImageTrashed: "image.trashed", ImageRestored: "image.restored"}


def deed_of(before: Image, after: Image) -> Deed:
    """What a change of an image was: which of its words and rights, and from which visibility to which."""
    if action := _ACTIONS.get(kind_of(before, after)):
        return Deed(action=action, image_id=after.id, user_id=after.owner_id)
    names = [name for name in _WORDS_AND_RIGHTS if getattr(before, name) != getattr(after, name)]
    if names == ["link_epoch"]:
        return Deed(action="image.links_revoked", image_id=after.id, user_id=after.owner_id)
    details: dict[str, object] = {"fields": names}
    if "visibility" in names:
        details["visibility"] = f"{before.visibility} -> {after.visibility}"
    return Deed(action="image.changed", image_id=after.id, user_id=after.owner_id, details=details)


_WORDS_AND_RIGHTS = (
    *("filename", "visibility", "owner_id", "description", "tags", "metadata", "place", "expires_at", "link_epoch"),
)


async def lock_image(connection: Connection, image_id: UUID) -> StoredImage:
    """A live image, which nobody else changes until the transaction ends. Raises ImageNotFound.

    It is looked for also where it isn't: what is absent takes as long as what is somebody else's.
    """
    rows = await fetch(connection, "SELECT id FROM images WHERE id = $1 AND deleted_at IS NULL FOR UPDATE", image_id)
    stored = await _select_image(connection, image_id)
    if not rows or stored is None:
        raise ImageNotFound
    return stored


async def _select_image(connection: Connection, image_id: UUID) -> StoredImage | None:
    """The image that was locked before; None where there was none.

    Its own statement and not part of the locking one: that may wait, and would then show the image as it is
    after the wait beside the blob as it was before.
    """
    rows = await fetch(connection, f"{SELECT_IMAGES} WHERE images.id = $1", image_id)
    return StoredImage(image_of(rows[0]), rows[0]["delete_token_hash"]) if rows else None


async def update_image(connection: Connection, image: Image) -> None:
    """Writes all that may be different of an image that was locked before."""
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
            deleted_at = $13,
            link_epoch = $14,
            trashed_at = $15
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
        image.link_epoch,
        image.trashed_at,
    )
