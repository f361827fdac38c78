"""What the write service itself can be told."""

from typing import Annotated

import msgspec


class WriteConfig(msgspec.Struct, frozen=True):
    """`max_file_size` is in bytes (25 MiB)."""

    max_file_size: Annotated[int, msgspec.Meta(ge=1)] = msgspec.field(name="CHITRAM_MAX_FILE_SIZE", default=25 << 20)
