"""The bucket that holds the leases: one key for each read service, which it renews for as long as it lives.

It is a JetStream key-value bucket that is only asked through its leader (`allow_direct` is off), because another server
might not know of the newest lease yet.
"""

from datetime import datetime
from typing import Literal

import msgspec
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from contracts.subjects import leases
from infrastructure.nats.config import NatsConfig

LEASES_KEPT = 60
"""A key is forgotten after so many leases; nobody has renewed it for as long."""


class Record(msgspec.Struct, frozen=True):
    """What a holder says of itself: how far it has applied events, and where people find it.

    `stream` is when the stream of events was made (None: not known yet), which tells it from others that have had its
    name, and `sequence` the last event in it that was applied. A write service that has lost patience with a holder
    overwrites its record with one that is `expelled`.
    """

    stream: datetime | None
    sequence: int
    address: str = ""
    state: Literal["held", "expelled"] = "held"


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Record).decode


def bucket_stream(prefix: str) -> str:
    """Name of the stream under the bucket, as every client of NATS has it."""
    return f"KV_{leases(prefix)}"


def key_subject(prefix: str, holder: str) -> str:
    """Subject of one key."""
    return f"$KV.{leases(prefix)}.{holder}"


def bucket_config(config: NatsConfig) -> StreamConfig:
    """The bucket as a stream."""
    lifetime = LEASES_KEPT * config.lease
    return StreamConfig(
        name=bucket_stream(config.prefix),
        subjects=[key_subject(config.prefix, ">")],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_msgs_per_subject=1,
        max_age=lifetime,
        duplicate_window=lifetime,
        num_replicas=config.replicas,
        allow_rollup_hdrs=True,
        allow_direct=False,
        deny_delete=True,
    )
