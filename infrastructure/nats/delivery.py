"""An event in flight, as its receiver sees it."""

from uuid import NAMESPACE_OID, UUID, uuid5

import msgspec
from nats.aio.msg import Msg

from contracts.events import Event, decode

LSN_HEADER = "Chitram-Lsn"
ID_HEADER = "Nats-Msg-Id"


class Delivery(msgspec.Struct, frozen=True):
    """`attempt` counts from 1, `sequence` is the event's place in the stream, and `lsn` the position
    in the primary's log before which the event's transaction was committed."""

    event: Event
    lsn: str | None
    attempt: int
    sequence: int


class GivenUp(msgspec.Struct, frozen=True):
    """An event that `consumer` will not try again, after `attempts`. `event` is None when it can't be decoded;
    `type` is what its subject says."""

    id: UUID
    consumer: str
    event: Event | None
    type: str
    payload: bytes
    reason: str
    attempts: int


def give_up(message: Msg, consumer: str, event: Event | None, reason: str) -> GivenUp:
    """What is known of a message that nobody will take again."""
    return GivenUp(
        id=event.id if event else _id_of(message),
        consumer=consumer,
        event=event,
        type=message.subject.partition(".")[2],
        payload=message.data,
        reason=reason,
        attempts=message.metadata.num_delivered,
    )


def _id_of(message: Msg) -> UUID:
    """The id that its publisher gave it; one made of its place in the stream where there is none."""
    try:
        return UUID((message.headers or {})[ID_HEADER])
    except (KeyError, ValueError):
        metadata = message.metadata
        return uuid5(NAMESPACE_OID, f"{metadata.stream}:{metadata.sequence.stream}:{metadata.timestamp}")


def read(message: Msg) -> Delivery:
    """Raises `msgspec.DecodeError` when the message is no event that we know."""
    metadata = message.metadata
    return Delivery(
        event=decode(message.data),
        lsn=(message.headers or {}).get(LSN_HEADER),
        attempt=metadata.num_delivered,
        sequence=metadata.sequence.stream,
    )
