"""An event in flight, as its receiver sees it."""

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


def read(message: Msg) -> Delivery:
    """Raises `msgspec.DecodeError` when the message is no event that we know."""
    metadata = message.metadata
    return Delivery(
        event=decode(message.data),
        lsn=(message.headers or {}).get(LSN_HEADER),
        attempt=metadata.num_delivered,
        sequence=metadata.sequence.stream,
    )
