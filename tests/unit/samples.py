"""Images made for tests."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec

from contracts.images import Blob, Derivative, Image, Status

NOON = datetime(2026, 1, 2, 12, 0, 0, 123456, UTC)


def blob(**changes: Any) -> Blob:
    """A photo of 12 megapixels on two shards."""
    sample = Blob(
        id=uuid4(),
        sha256="ab" * 32,
        size=450_000,
        content_type="image/jpeg",
        width=4000,
        height=3000,
        frames=1,
        placement=("one", "two"),
    )
    return msgspec.structs.replace(sample, **changes)


def image(image_id: UUID | None = None, version: int = 1, **changes: Any) -> Image:
    """A public anonymous image, still being processed unless told otherwise."""
    given = {"blob": blob(), "filename": "a.jpg", "created_at": NOON, "updated_at": NOON, **changes}
    return Image(id=image_id or uuid4(), version=version, **given)


def derivative(variant: str, content_type: str, size: int = 5000) -> Derivative:
    """A stored rendering."""
    extension = content_type.partition("/")[2]
    return Derivative(
        variant, content_type, f"{uuid4()}/{variant}-r1-0123456789ab.{extension}", 300, 225, size, ("one", "two")
    )


def ready_image() -> Image:
    """An image with all variants in WebP and JPEG, WebP the smaller."""
    made = tuple(
        derivative(variant, kind, size)
        for variant in ("small", "medium", "large")
        for kind, size in (("image/webp", 4000), ("image/jpeg", 6000))
    )
    return image(version=2, status=Status.READY, blob=blob(derivatives=made))
