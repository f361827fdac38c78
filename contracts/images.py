"""What an image is.

Two vocabularies live here. `Image`, `Blob` and `Derivative` are the inner words: they carry
everything the services need, including where the bytes lie, and never leave the system.
`ImageView` and `ImagePage` are the promised words: what HTTP answers with, field by field as
the API's contract names them.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from contracts.variants import VARIANTS


class Status(StrEnum):
    """How far the derivatives of an image have come."""

    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


class Visibility(StrEnum):
    """Who finds an image: everyone, whoever knows its id, or its owner alone."""

    PUBLIC = "public"
    UNLISTED = "unlisted"
    PRIVATE = "private"


class Failure(msgspec.Struct, frozen=True):
    """Why an image has no derivatives: a code for programs and a sentence for people."""

    code: str
    message: str


class Derivative(msgspec.Struct, frozen=True):
    """One stored rendering of a variant. `size` is in bytes, `width` and `height` in pixels.

    `recipe` is the one it was made by; 0 where it was made before recipes were recorded. `sha256` is the hexadecimal
    digest of its bytes, empty where it was made before digests were recorded.
    """

    variant: str
    content_type: str
    key: str
    width: int
    height: int
    size: int
    placement: tuple[str, ...]
    recipe: int = 0
    sha256: str = ""


class Blob(msgspec.Struct, frozen=True):
    """Stored bytes and what is known of them.

    `sha256` is the hexadecimal digest of the stored bytes, `size` their number, `width` and
    `height` are pixels as stored (before orientation), `placement` names the shards that hold a copy.
    """

    id: UUID
    sha256: str
    size: int
    content_type: str
    width: int
    height: int
    frames: int
    placement: tuple[str, ...]
    derivatives: tuple[Derivative, ...] = ()
    placeholder: str | None = None
    dominant_color: str | None = None
    perceptual_hash: str | None = None

    @property
    def key(self) -> str:
        """Name of the original's object; unique to this blob and never used again."""
        return f"{self.id}/original"


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """What a person has: a name, words and rights, pointing at a blob.

    `version` grows by one with every change; a higher version is always the newer truth. `metadata` is what the camera
    wrote, for everyone who may see the image; `place` is where it was (`latitude`, `longitude` in degrees,
    `altitude_m`), for the owner alone: only `view_fields(..., for_owner=True)` shows it. Signed links hold for one
    `link_epoch`. What is in the trash since `trashed_at` can be restored; `deleted_at`, once set, stays.
    """

    id: UUID
    version: int
    blob: Blob
    filename: str
    created_at: datetime
    updated_at: datetime
    status: Status = Status.PROCESSING
    failure: Failure | None = None
    visibility: Visibility = Visibility.PUBLIC
    owner_id: UUID | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    expires_at: datetime | None = None
    deleted_at: datetime | None = None
    metadata: dict[str, Any] = {}
    metadata_stripped: bool = False
    place: dict[str, float] = {}
    link_epoch: int = 0
    trashed_at: datetime | None = None

    def is_expired(self, now: datetime) -> bool:
        """Whether its time is over: then it is gone for everybody, deleted yet or not."""
        return self.expires_at is not None and self.expires_at <= now

    def is_there(self, now: datetime) -> bool:
        """Whether it is there for anybody: neither deleted nor in the trash, and its time is not over."""
        return self.deleted_at is None and self.trashed_at is None and not self.is_expired(now)


class ThumbnailView(msgspec.Struct, frozen=True):
    """Where one variant is and how large it is, in pixels."""

    url: str
    width: int
    height: int


class ImageView(msgspec.Struct, frozen=True, kw_only=True):
    """An image as the API shows it. Times are RFC 3339 in UTC, sizes bytes, lengths pixels."""

    id: UUID
    filename: str
    content_type: str
    file_size: int
    width: int
    height: int
    frames: int
    checksum: str
    status: Status
    visibility: Visibility
    owner_id: UUID | None
    description: str | None
    tags: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    deleted_at: datetime | None
    version: int
    placeholder: str | None
    dominant_color: str | None
    metadata: dict[str, Any]
    metadata_stripped: bool
    url: str
    thumbnail_ready: bool
    thumbnail_url: str | None
    thumbnails: dict[str, ThumbnailView]
    failure: Failure | None


class UploadedView(ImageView, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to an upload: the view and, for anonymous uploads, the token that proves it was yours."""

    delete_token: str | None = None


class ImagePage(msgspec.Struct, frozen=True):
    """One page of a list; `next_cursor` is null on the last one."""

    items: tuple[ImageView, ...]
    next_cursor: str | None


def image_path(image_id: UUID) -> str:
    """Path under which the API answers for an image."""
    return f"/api/v1/images/{image_id}"


def view_fields(image: Image, *, for_owner: bool = False, origin: str = "") -> dict[str, Any]:
    """The fields of an image's view, by name: the one place where inner words become promised ones.

    `origin` is where bytes are fetched from, `https://img.example`; without it addresses are paths.
    With `for_owner` it says in `metadata.gps` where the camera was. Such a view is for the answer to the owner and
    for nothing that others may come to read.
    """
    blob = image.blob
    path = image_path(image.id)
    ready = image.status is Status.READY
    return {
        "id": image.id,
        "filename": image.filename,
        "content_type": blob.content_type,
        "file_size": blob.size,
        "width": blob.width,
        "height": blob.height,
        "frames": blob.frames,
        "checksum": blob.sha256,
        "status": image.status,
        "visibility": image.visibility,
        "owner_id": image.owner_id,
        "description": image.description,
        "tags": image.tags,
        "created_at": image.created_at,
        "updated_at": image.updated_at,
        "expires_at": image.expires_at,
        "deleted_at": image.deleted_at or image.trashed_at,
        "version": image.version,
        "placeholder": blob.placeholder,
        "dominant_color": blob.dominant_color,
        "metadata": {**image.metadata, "gps": image.place} if for_owner and image.place else image.metadata,
        "metadata_stripped": image.metadata_stripped,
        "url": f"{origin}{path}/file",
        "thumbnail_ready": ready,
        "thumbnail_url": f"{origin}{path}/thumbnail" if ready else None,
        "thumbnails": thumbnails(image, origin),
        "failure": image.failure,
    }


def view(image: Image, *, for_owner: bool = False, origin: str = "") -> ImageView:
    """The view of an image; see `view_fields`."""
    return ImageView(**view_fields(image, for_owner=for_owner, origin=origin))


def thumbnails(image: Image, origin: str) -> dict[str, ThumbnailView]:
    """The variants that can be fetched now, by name, in the order of their size."""
    sizes = {d.variant: (d.width, d.height) for d in image.blob.derivatives}
    path = f"{origin}{image_path(image.id)}"
    return {
        variant.name: ThumbnailView(f"{path}/thumbnails/{variant.name}", *sizes[variant.name])
        for variant in VARIANTS
        if variant.name in sizes
    }
