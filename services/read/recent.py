"""What events of images mean to what is remembered of them."""

from uuid import UUID

from contracts.events import Event, ImageDeleted, ImageEvent
from services.read.memory import Memory, Remembered, prepare
from services.read.overlay import Entry, Overlay

TOMBSTONE = 300
"""Bytes that an entry of a deleted image takes."""


class RecentImages:
    """Keeps the overlay of images and the memory of them in step: what the one takes is not in the other."""

    def __init__(self, overlay: Overlay[UUID, Remembered], memory: Memory, origin: str = "") -> None:
        """Views name `origin` as where bytes are fetched from."""
        self._overlay = overlay
        self._memory = memory
        self._origin = origin

    def hear(self, event: Event, lsn: int) -> None:
        """Takes the image of an event. Never blocks."""
        if not isinstance(event, ImageEvent):
            return
        value = None if isinstance(event, ImageDeleted) else prepare(event.image, origin=self._origin)
        entry = Entry(event.version, lsn, event.occurred_at, value, value.size if value else TOMBSTONE)
        self._overlay.apply(event.subject_id, entry)
        self._memory.forget(str(event.subject_id))

    def settle(self, position: int) -> None:
        """The replica has replayed up to here."""
        self._overlay.settle(position)

    def doubt(self) -> None:
        """Events were missed."""
        self._overlay.doubt()
        self._memory.clear()

    def begin(self, position: int) -> None:
        """What was committed before this position is known to the base alone."""
        self._overlay.begin(position)
        self._memory.clear()
