"""The read service's own memory of images: bounded in bytes, never older than what it was told.

Three things may happen to an id in any order: it is looked up in the base, which may lag; the
answer is remembered; an event tells of a newer version. `forget` therefore leaves a floor behind, and
`remember` refuses what is below it, so a slow look-up can't put an old image back.
"""

from collections import OrderedDict

import msgspec

from contracts.images import Image, view
from infrastructure.telemetry import metrics
from services.shared.answers import encode_json, version_tag

_hits, _misses = (metrics.cache_requests.labels("memory", outcome) for outcome in ("hit", "miss"))

OVERHEAD = 2048
"""Bytes that an entry takes besides its view: the image's own objects and the tables, as measured with tracemalloc."""

MAX_FLOORS = 100_000
"""Floors kept, about 16 MB of them; they only have to outlive look-ups that were under way when the event came."""


GONE = 1 << 62
"""The floor of a deleted image, above all versions."""


class Remembered(msgspec.Struct, frozen=True):
    """An image with its answer ready: the JSON of its view and its entity tag."""

    image: Image
    body: bytes
    tag: bytes


def prepare(image: Image) -> Remembered:
    """Encodes the answer once, for all requests that will get it."""
    return Remembered(image, encode_json(view(image)), version_tag(image.version).encode())


class Memory:
    """Images by id, least recently used first out. Nothing here awaits, so every call is one step."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[str, Remembered] = OrderedDict()
        self._floors: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        """Events were missed: nothing that is remembered can be believed any more."""
        self._entries.clear()
        self._bytes = 0

    def get(self, image_id: str) -> Remembered | None:
        """What is remembered under this id, in the spelling of the id's canonical form."""
        entry = self._entries.get(image_id)
        if entry is None:
            _misses.inc()
            return None
        self._entries.move_to_end(image_id)
        _hits.inc()
        return entry

    def remember(self, entry: Remembered) -> None:
        """Keeps an image, unless a newer version is known of."""
        image_id = str(entry.image.id)
        if entry.image.version < self.floor(image_id) or self.newest(entry) is not entry:
            return
        self._drop(image_id)
        self._entries[image_id] = entry
        self._bytes += len(entry.body) + OVERHEAD
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def forget(self, image_id: str, version: int) -> None:
        """An event told of this version: what is older goes and does not come back."""
        self._floors[image_id] = max(version, self._floors.pop(image_id, 0))
        if len(self._floors) > MAX_FLOORS:
            self._floors.popitem(last=False)
        entry = self._entries.get(image_id)
        if entry is not None and entry.image.version < version:
            self._drop(image_id)

    def bury(self, image_id: str) -> None:
        """An event told of the deletion, which is final: no version is newer."""
        self.forget(image_id, GONE)

    def floor(self, image_id: str) -> int:
        """The newest version that events told of, 0 when none did lately."""
        return self._floors.get(image_id, 0)

    def is_gone(self, image_id: str) -> bool:
        """Whether an event told lately that the image is deleted."""
        return self.floor(image_id) == GONE

    def newest(self, entry: Remembered) -> Remembered:
        """The entry, or the one that is remembered of the same image when that is newer."""
        held = self._entries.get(str(entry.image.id))
        return held if held is not None and held.image.version > entry.image.version else entry

    def _drop(self, image_id: str) -> None:
        entry = self._entries.pop(image_id, None)
        if entry is not None:
            self._bytes -= len(entry.body) + OVERHEAD
