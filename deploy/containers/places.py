"""Where the parts of the compose stack find each other, as told by the environment of `configure`."""

from typing import Annotated

import msgspec

from infrastructure import env
from infrastructure.storage.config import Bucket, StorageConfig, address, parse

Hosts = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Each is `host:port`, or a list of them: more with high availability, others with servers elsewhere.

    `primary` is where the services change rows, `primary_direct` the server itself when a pooler stands between.
    """

    primary: Hosts = msgspec.field(name="CHITRAM_STACK_PRIMARY", default=("postgres-primary:5432",))
    primary_direct: Hosts = msgspec.field(name="CHITRAM_STACK_PRIMARY_DIRECT", default=("postgres-primary:5432",))
    replicas: Hosts = msgspec.field(
        name="CHITRAM_STACK_REPLICAS", default=("postgres-replica-1:5432", "postgres-replica-2:5432")
    )
    redis: str = msgspec.field(name="CHITRAM_STACK_REDIS", default="valkey:6379")
    nats: Hosts = msgspec.field(name="CHITRAM_STACK_NATS", default=("nats:4222",))
    read: Hosts = msgspec.field(name="CHITRAM_STACK_READ", default=("read:8000",))
    write: Hosts = msgspec.field(name="CHITRAM_STACK_WRITE", default=("write:8000",))


def buckets() -> tuple[Bucket, ...]:
    """The shards of `CHITRAM_SHARDS` that are buckets, wherever. Raises `env.ConfigError`."""
    config = env.read(StorageConfig)
    places = (address(parse(text), tls=config.tls) for text in config.shards)
    return tuple(place for place in places if isinstance(place, Bucket))
