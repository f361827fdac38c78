"""The stream that holds the events, the durable consumers that read it, and the bucket beside it."""

from collections.abc import Iterable

from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import BadRequestError

from contracts.subjects import DUPLICATE_WINDOW, Consumer, all_subjects, stream, subject
from infrastructure.nats.bucket import bucket_config
from infrastructure.nats.config import NatsConfig

MAX_AGE = 7 * 24 * 3600.0
"""Seconds an event is kept: the longest outage of a consumer that costs nothing."""

_NAME_IN_USE = 10058  # JetStream's error for a stream that exists with another configuration


async def declare(js: JetStreamContext, config: NatsConfig, consumers: Iterable[Consumer]) -> None:
    """Makes the stream, its consumers and the bucket of leases what they should be; changes nothing when they are.

    Raises the driver's errors when JetStream doesn't answer or refuses.
    """
    for wanted in (stream_config(config), bucket_config(config)):
        await _declare_stream(js, wanted)
    for consumer in consumers:
        await js.add_consumer(stream(config.prefix), consumer_config(config.prefix, consumer))


async def _declare_stream(js: JetStreamContext, wanted: StreamConfig) -> None:
    try:
        await js.add_stream(wanted)
    except BadRequestError as error:
        if error.err_code != _NAME_IN_USE:
            raise
        await js.update_stream(wanted)


def stream_config(config: NatsConfig) -> StreamConfig:
    """A full stream refuses (`discard: new`) instead of dropping what a consumer hasn't seen: the outbox keeps it."""
    return StreamConfig(
        name=stream(config.prefix),
        subjects=list(all_subjects(config.prefix)),
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_age=MAX_AGE,
        max_bytes=config.stream_bytes or -1,
        duplicate_window=DUPLICATE_WINDOW,
        num_replicas=config.replicas,
    )


def consumer_config(prefix: str, consumer: Consumer) -> ConsumerConfig:
    """The server delivers without limit: it would give up silently, so the subscription does that."""
    return ConsumerConfig(
        durable_name=consumer.name,
        name=consumer.name,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=consumer.ack_wait,
        max_deliver=-1,
        filter_subjects=[subject(prefix, event_type) for event_type in consumer.event_types],
    )
