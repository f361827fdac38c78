"""What the write service itself can be told."""

from typing import Annotated

import msgspec


class WriteConfig(msgspec.Struct, frozen=True):
    """`max_file_size` is in bytes (25 MiB). `replicas` are only asked how far they are, while NATS is away."""

    max_file_size: Annotated[int, msgspec.Meta(ge=1)] = msgspec.field(name="CHITRAM_MAX_FILE_SIZE", default=25 << 20)
    replicas: tuple[str, ...] = msgspec.field(name="CHITRAM_POSTGRES_REPLICAS", default=())
