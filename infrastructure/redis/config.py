"""Where the cache is."""

from typing import Annotated

import msgspec

Prefix = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]+$")]


class RedisConfig(msgspec.Struct, frozen=True):
    """`url` is `redis://:password@host:port/0`; every key begins with `prefix`."""

    url: str = msgspec.field(name="CHITRAM_REDIS_URL")
    prefix: Prefix = msgspec.field(name="CHITRAM_REDIS_PREFIX", default="chitram")
