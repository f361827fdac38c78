"""What NATS carries.

Rule for changing an event: a new field needs a default and may be added to the struct that
stands; anything else makes a new struct with a new tag (`image.ready.v2`), and the old one stays until no
stream can hold it. Every version ever published keeps a file in `contracts/samples`, decoded by a
test for ever.

Each event carries the whole image as it is after the change, so a consumer needs no query, and
`image.version` decides which of two events is newer, in whatever order they arrive.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from contracts.images import Image


class _Event(msgspec.Struct, frozen=True):
    id: UUID
    occurred_at: datetime
    image: Image


class ImageUploaded(_Event, frozen=True, tag="image.uploaded.v1"):
    """An image was taken in; its derivatives are still to be made."""


class ImageReady(_Event, frozen=True, tag="image.ready.v1"):
    """All derivatives of an image are stored."""


class ImageFailed(_Event, frozen=True, tag="image.failed.v1"):
    """An image can't be rendered; `image.failure` says why."""


class ImageChanged(_Event, frozen=True, tag="image.changed.v1"):
    """A person changed an image's words."""


class ImageDeleted(_Event, frozen=True, tag="image.deleted.v1"):
    """An image is gone for every reader; its objects are still to be erased."""


Event = ImageUploaded | ImageReady | ImageFailed | ImageChanged | ImageDeleted

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """JSON of an event, its type in the field `type`."""
    return _encoder.encode(event)


def decode(data: bytes) -> Event:
    """The event in `data`. Raises `msgspec.ValidationError` when it is none that we know."""
    return _decoder.decode(data)


def event_type(event: Event) -> str:
    """The tag of an event, `image.uploaded.v1` for example."""
    return str(event.__struct_config__.tag)
