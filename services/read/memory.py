"""The read service's own memory of images: bounded in bytes and in time.

What may be put here, and when it has to go, is the business of `look_up.py` and `follow.py`; both do it in one step,
without an await between the overlay's word and this. So an image is never in the overlay and here with different
versions, and what is found here is the newest that was heard of: one look into one table answers most requests.
"""

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from contracts.images import Image, view
from contracts.principals import Principal
from infrastructure.telemetry import metrics
from services.shared.answers import encode_json, version_tag

_hits, _misses = (metrics.cache_requests.labels("memory", outcome) for outcome in ("hit", "miss"))

OVERHEAD = 2048
"""Bytes that an entry takes besides its view: the image's own objects and the tables, as measured with tracemalloc."""

MAX_ABSENT = 10_000
ABSENT_FOR = 1.0
"""Ids remembered as unknown, and for how many seconds."""


class Remembered(msgspec.Struct, frozen=True):
    """An image with its answer ready: the JSON of its view and its entity tag.

    It has everything that was committed before `as_of`. Bytes are fetched from `origin`.
    """

    image: Image
    body: bytes
    tag: bytes
    as_of: int = 0
    origin: str = ""

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return len(self.body) + OVERHEAD


def prepare(image: Image, as_of: int = 0, *, origin: str = "") -> Remembered:
    """Encodes the answer once, for all requests that will get it."""
    body = encode_json(view(image, origin=origin))
    return Remembered(image, body, version_tag(image.version).encode(), as_of, origin)


def as_seen_by(found: Remembered, principal: Principal) -> Remembered:
    """The answer as the image's owner gets it, where that is another one than everybody's: with another tag."""
    image = found.image
    if not image.place or not principal.is_user(image.owner_id):
        return found
    body = encode_json(view(image, for_owner=True, origin=found.origin))
    return Remembered(image, body, f'"{image.version}-owner"'.encode(), found.as_of, found.origin)


class Memory:
    """Images by id, least recently used first out. Nothing here awaits, so every call is one step."""

    def __init__(self, max_bytes: int, max_age: float, *, clock: Callable[[], float]) -> None:
        """What is older than `max_age` seconds is looked up again, lest a lost event is felt for ever."""
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._clock = clock
        self._bytes = 0
        self._entries: OrderedDict[str, tuple[Remembered, float]] = OrderedDict()
        self._absent: OrderedDict[str, float] = OrderedDict()
        self._hidden: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        """Events were missed: nothing that is remembered can be believed any more."""
        self._entries.clear()
        self._absent.clear()
        self._bytes = 0

    def get(self, image_id: str) -> Remembered | None:
        """What is remembered under this id, in the spelling of the id's canonical form."""
        held = self._entries.get(image_id)
        if held is None or held[1] < self._clock():
            _misses.inc()
            return None
        self._entries.move_to_end(image_id)
        _hits.inc()
        return held[0]

    def peek(self, image_id: str) -> Remembered | None:
        """The same without counting as a use, for who only wants to know."""
        held = self._entries.get(image_id)
        return held[0] if held is not None and held[1] >= self._clock() else None

    def remember(self, entry: Remembered) -> None:
        """Keeps an image, instead of what was kept of it before."""
        image_id = str(entry.image.id)
        self.forget(image_id)
        self._entries[image_id] = (entry, self._clock() + self._max_age)
        self._bytes += entry.size
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def remember_absent(self, image_id: str) -> None:
        """Keeps for a second that there is no such image."""
        self.forget(image_id)
        self._absent[image_id] = self._clock() + ABSENT_FOR
        if len(self._absent) > MAX_ABSENT:
            self._absent.popitem(last=False)

    def is_absent(self, image_id: str) -> bool:
        """Whether it was asked for less than a second ago and wasn't there."""
        return self._absent.get(image_id, 0.0) > self._clock()

    def remember_hidden(self, image_id: str) -> None:
        """Keeps for a second that somebody has asked for an image that he may not see."""
        self._hidden[image_id] = self._clock() + ABSENT_FOR
        self._hidden.move_to_end(image_id)
        if len(self._hidden) > MAX_ABSENT:
            self._hidden.popitem(last=False)

    def is_hidden(self, image_id: str) -> bool:
        """Whether that was less than a second ago."""
        return self._hidden.get(image_id, 0.0) > self._clock()

    def forget(self, image_id: str) -> None:
        """Something has happened to an image: what is remembered of it, or that there is none, is not true any more."""
        self._absent.pop(image_id, None)
        self._drop(image_id)

    def _drop(self, image_id: str) -> None:
        held = self._entries.pop(image_id, None)
        if held is not None:
            self._bytes -= held[0].size
