"""Names of streams, subjects and consumers.

Everything starts with a prefix, so that several systems, or tests, can share one NATS server.
"""

import msgspec

from contracts.events import CopyDamaged, ImageChanged, ImageDeleted, ImageTrashed, ImageUploaded

DUPLICATE_WINDOW = 120.0
"""Seconds within which JetStream drops a second message with the same event id."""

KINDS = ("image", "credential", "shards")
"""What events are about: the first word of their types."""


class Consumer(msgspec.Struct, frozen=True):
    """A durable pull consumer: the events it wants and how long one may take.

    `ack_wait` is in seconds; a job that needs longer says so with a heartbeat. After
    `max_deliver` attempts the event is given up and the failure recorded.
    """

    name: str
    event_types: tuple[str, ...]
    ack_wait: float = 10.0
    max_deliver: int = 5


DERIVE = Consumer("derive", (str(ImageUploaded.__struct_config__.tag),))
ERASE = Consumer("erase", (str(ImageDeleted.__struct_config__.tag),))
REPAIR = Consumer("repair", (str(CopyDamaged.__struct_config__.tag),), ack_wait=60.0)
PURGE = Consumer(
    "purge",
    tuple(str(event.__struct_config__.tag) for event in (ImageChanged, ImageTrashed, ImageDeleted)),
    ack_wait=30.0,
)
"""Only there where caches before the gateway are to be told."""
CONSUMERS = (DERIVE, ERASE, REPAIR, PURGE)

RELAY = "relay"
"""Who has given up an event that the stream will never take, as the quarantine calls him."""


def stream(prefix: str) -> str:
    """Name of the stream that holds every event."""
    return f"{prefix}-images"


def subject(prefix: str, event_type: str) -> str:
    """Subject of one type of event: `<prefix>.image.uploaded.v1`."""
    return f"{prefix}.{event_type}"


def all_subjects(prefix: str) -> tuple[str, ...]:
    """Wildcards over every event of the stream."""
    return tuple(f"{prefix}.{kind}.>" for kind in KINDS)


def leases(prefix: str) -> str:
    """Name of the key-value bucket that holds the leases of the read services."""
    return f"{prefix}-leases"


def applied(prefix: str, holder: str = "*") -> str:
    """Subject on which the holder of a lease says how far it has applied events."""
    return f"{prefix}.applied.{holder}"
