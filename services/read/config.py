"""What a read service itself can be told."""

import socket
import zlib
from typing import Annotated

import msgspec

Natural = Annotated[int, msgspec.Meta(ge=0)]


class ReadConfig(msgspec.Struct, frozen=True):
    """`memory_bytes` bounds what is remembered of images and `overlay_bytes` what of recent changes, `max_age` is how
    many seconds browsers may keep public bytes, `cache_ttl` how many seconds memory and the shared cache keep a view,
    `replica` is the first replica to try: read services that are given different numbers spread over the replicas,
    those that are given none do so by the names of their hosts. `fetch_memory` is how many bytes of objects it has in
    hand at once for nginx's cache, `primary_budget` how many reads at a time the primary gets from each read service.
    """

    memory_bytes: Natural = msgspec.field(name="CHITRAM_READ_MEMORY", default=48 << 20)
    max_age: Natural = msgspec.field(name="CHITRAM_MAX_AGE", default=3600)
    cache_ttl: Natural = msgspec.field(name="CHITRAM_CACHE_TTL", default=60)
    replica: Natural = msgspec.field(
        name="CHITRAM_REPLICA", default_factory=lambda: zlib.crc32(socket.gethostname().encode())
    )
    fetch_memory: Annotated[int, msgspec.Meta(ge=1)] = msgspec.field(name="CHITRAM_FETCH_MEMORY", default=32 << 20)
    overlay_bytes: Natural = msgspec.field(name="CHITRAM_OVERLAY_BYTES", default=32 << 20)
    credential_bytes: Natural = msgspec.field(name="CHITRAM_CREDENTIAL_BYTES", default=8 << 20)
    primary_budget: Annotated[int, msgspec.Meta(ge=1)] = msgspec.field(name="CHITRAM_PRIMARY_READ_BUDGET", default=8)
