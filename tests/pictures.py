"""Pictures made for tests; each is different, so that none is ever taken for another."""

import io
import os
from itertools import count

from PIL import Image

_serial = count()


def jpeg(width: int = 64, height: int = 48) -> bytes:
    """A photo-like JPEG that nobody has uploaded before."""
    picture = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    return _encoded(picture, "JPEG", comment=_unique())


def png_with_transparency(width: int = 64, height: int = 48) -> bytes:
    """A PNG whose left half can be seen through."""
    picture = Image.new("RGBA", (width, height), (200, 30, next(_serial) % 256, 255))
    picture.paste((0, 0, 0, 0), (0, 0, width // 2, height))
    return _encoded(picture, "PNG")


def undecodable_png() -> bytes:
    """A PNG with a good header and a bad body, which only a decoder notices."""
    spoilt = bytearray(png_with_transparency(300, 200))
    start = spoilt.index(b"IDAT") + 12
    spoilt[start : start + 200] = b"\xaa" * 200
    return bytes(spoilt)


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height of an encoded picture, in pixels."""
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture.size


def _encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


def _unique() -> bytes:
    return f"{os.getpid()}-{next(_serial)}".encode()
