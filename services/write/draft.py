"""A picture on its way in: received, not yet believed."""

from typing import BinaryIO

import msgspec

from contracts.images import Visibility


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller sent. `file` is the spooled body, `sha256` its hexadecimal digest; everything else is the
    caller's word, `expires_in` in seconds. `file` is closed by whoever received it.
    """

    file: BinaryIO
    sha256: str
    filename: str
    description: str | None = None
    tags: tuple[str, ...] = ()
    visibility: Visibility = Visibility.PUBLIC
    keep_metadata: bool = False
    expires_in: int | None = None
