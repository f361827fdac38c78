"""A picture to show while the real ones are being made: drawn from a ThumbHash, in plain Python."""

import base64
import binascii
import struct
import zlib
from functools import lru_cache

from infrastructure.imaging.formats.png import SIGNATURE
from infrastructure.imaging.thumbhash import decode

_SIDE = 32
_NEUTRAL = b"\xdd\xdd\xdd\xff"


def placeholder_png(thumbhash: str | None, width: int, height: int) -> bytes:
    """A PNG of at most 32 pixels on a side in the proportions of `width` to `height`.

    Shows what `thumbhash` (base64) describes, light grey when it is None or describes nothing. Reads no byte of the
    picture itself. Drawing a hash costs about 2 ms of CPU, so the latest pictures are remembered, in at most 2 MB.
    """
    scale = _SIDE / max(width, height, 1)
    return _drawn(thumbhash, max(1, round(width * scale)), max(1, round(height * scale)))


@lru_cache(maxsize=512)
def _drawn(thumbhash: str | None, width: int, height: int) -> bytes:
    """Most are grey, and those differ in their proportions only: there are 63 of them."""
    return _png(_draw(thumbhash, width, height), width, height)


def _draw(thumbhash: str | None, width: int, height: int) -> bytes:
    if thumbhash:
        try:
            return decode(base64.b64decode(thumbhash, validate=True), width, height)
        except (ValueError, binascii.Error):
            pass
    return _NEUTRAL * (width * height)


def _png(rgba: bytes, width: int, height: int) -> bytes:
    line = 4 * width
    rows = b"".join(b"\0" + rgba[start : start + line] for start in range(0, line * height, line))
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
