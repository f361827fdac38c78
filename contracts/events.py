"""What NATS carries.

Rule for changing an event: a new field needs a default and may be added to the struct that
stands; anything else makes a new struct with a new tag (`image.ready.v2`), and the old one stays until no
stream can hold it. Every version ever published keeps a file in `contracts/samples`, decoded by a
test for ever.

Whatever an event is about has an id and a version that grows with each change: `subject_id` says what changed,
`version` decides which of two events is newer, in whatever order they arrive. Events of images carry the whole image as
it is after the change, so a consumer needs no query; whoever wants only these asks `isinstance(event, ImageEvent)`.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from contracts.accounts import Credential
from contracts.images import Image
from contracts.shards import SHARDS_ID, ShardMap


class EventTooLarge(Exception):
    """The stream will never take an event of this size, however often it is published."""


class Event(msgspec.Struct, frozen=True):
    """Something happened. Each kind says of what it tells, by fields or by properties of these names."""

    id: UUID
    occurred_at: datetime

    @property
    def subject_id(self) -> UUID:
        """Id of what changed."""
        raise NotImplementedError

    @property
    def version(self) -> int:
        """Of two events of a subject, that with the higher one tells the newer state."""
        raise NotImplementedError


class ImageEvent(Event, frozen=True):
    """Something happened to an image, which is now as it says here."""

    image: Image

    @property
    def subject_id(self) -> UUID:
        """The image's id."""
        return self.image.id

    @property
    def version(self) -> int:
        """The image's version."""
        return self.image.version


class ImageUploaded(ImageEvent, frozen=True, tag="image.uploaded.v1"):
    """An image was taken in; its derivatives are still to be made."""


class ImageReady(ImageEvent, frozen=True, tag="image.ready.v1"):
    """All derivatives of an image are stored; said again when some were made anew."""


class ImageFailed(ImageEvent, frozen=True, tag="image.failed.v1"):
    """An image can't be rendered; `image.failure` says why."""


class ImageChanged(ImageEvent, frozen=True, tag="image.changed.v1"):
    """A person changed an image's words."""


class ImageTrashed(ImageEvent, frozen=True, tag="image.trashed.v1"):
    """An image is gone for every reader, and may come back."""


class ImageRestored(ImageEvent, frozen=True, tag="image.restored.v1"):
    """An image is back from the trash, as it was."""


class ImageDeleted(ImageEvent, frozen=True, tag="image.deleted.v1"):
    """An image is gone for every reader and for good; its objects are still to be erased."""


class CredentialChanged(Event, frozen=True, tag="credential.changed.v1"):
    """A session or an API key is new, has other rights, or is revoked for good; now it is as it says here."""

    credential: Credential

    @property
    def subject_id(self) -> UUID:
        """The credential's id."""
        return self.credential.id

    @property
    def version(self) -> int:
        """The credential's version."""
        return self.credential.version


class ImageMoved(ImageEvent, frozen=True, tag="image.moved.v1"):
    """Copies of an image's objects are on other shards now; nothing that people see is different."""


class ShardsChanged(Event, frozen=True, tag="shards.changed.v1"):
    """The list of shards is another one, which is here as a whole."""

    shards: ShardMap

    @property
    def subject_id(self) -> UUID:
        """There is one list."""
        return SHARDS_ID

    @property
    def version(self) -> int:
        """The list's version."""
        return self.shards.version


class CopyDamaged(Event, frozen=True, tag="shards.damaged.v1"):
    """A read found a copy missing or wrong. Nothing was committed: it is a hint to look, and may be lost."""

    key: str
    shard: str

    @property
    def subject_id(self) -> UUID:
        """The blob whose object it is."""
        return UUID(self.key.partition("/")[0])

    @property
    def version(self) -> int:
        """A hint has none."""
        return 0


AnyEvent = (
    ImageUploaded
    | ImageReady
    | ImageFailed
    | ImageChanged
    | ImageTrashed
    | ImageRestored
    | ImageDeleted
    | ImageMoved
    | CredentialChanged
    | ShardsChanged
    | CopyDamaged
)
"""Every kind that can be published; a new one is added here."""

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def encode(event: Event) -> bytes:
    """JSON of an event, its type in the field `type`."""
    return _encoder.encode(event)


def decode(data: bytes) -> Event:
    """The event in `data`. Raises `msgspec.ValidationError` when it is none that we know."""
    return _decoder.decode(data)


def event_type(event: Event) -> str:
    """The tag of an event, `image.uploaded.v1` for example."""
    return str(event.__struct_config__.tag)
