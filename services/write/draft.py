"""A picture on its way in: received, not yet believed."""

from typing import BinaryIO

import msgspec

from contracts.images import Visibility


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller sent. `file` is the spooled body, `size` its bytes, `sha256` their hexadecimal digest;
    everything else is the caller's word. `file` is closed by whoever received it.
    """

    file: BinaryIO
    size: int
    sha256: str
    filename: str
    description: str | None = None
    tags: tuple[str, ...] = ()
    visibility: Visibility = Visibility.PUBLIC
