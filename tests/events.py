"""Events for tests, whole and plausible."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from contracts.events import ImageEvent, ImageUploaded
from contracts.images import Blob, Image


def make_image(**fields) -> Image:
    """A small image that was just taken in; `fields` replace what matters to the test."""
    now = datetime.now(UTC)
    blob = Blob(uuid4(), "ab" * 32, 1000, "image/jpeg", 40, 30, 1, ("one", "two"))
    values = {"id": uuid4(), "version": 1, "blob": blob, "filename": "a.jpg", "created_at": now, "updated_at": now}
    return Image(**values | fields)


def make_event(kind: type[ImageEvent] = ImageUploaded, *, event_id: UUID | None = None, **fields) -> ImageEvent:
    """An event of a kind, about an image of its own."""
    return kind(event_id or uuid4(), datetime.now(UTC), make_image(**fields))
