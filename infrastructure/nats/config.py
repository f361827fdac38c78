"""Where NATS is and how much of it the events may use."""

from typing import Annotated

import msgspec

Name = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]+$")]


class NatsConfig(msgspec.Struct, frozen=True):
    """`stream_bytes` bounds the stream and is reserved on the server's disk, 0 leaves it to the server's own limit;
    a full stream refuses new events until the oldest have reached their age. `replicas` is 3 where
    there are three servers. `lease` is how many seconds a read service may answer without having heard from the server:
    the same for all services, or deletions are not final.
    """

    servers: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = msgspec.field(name="CHITRAM_NATS_SERVERS")
    prefix: Name = msgspec.field(name="CHITRAM_NATS_PREFIX", default="chitram")
    stream_bytes: Annotated[int, msgspec.Meta(ge=0)] = msgspec.field(name="CHITRAM_NATS_STREAM_BYTES", default=0)
    replicas: Annotated[int, msgspec.Meta(ge=1, le=5)] = msgspec.field(name="CHITRAM_NATS_REPLICAS", default=1)
    lease: Annotated[float, msgspec.Meta(ge=0.2, le=60)] = msgspec.field(name="CHITRAM_LEASE", default=1.0)
    name: str = msgspec.field(name="CHITRAM_NAME", default="chitram")
