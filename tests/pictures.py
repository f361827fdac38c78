"""Pictures made for tests; each is different, so that none is ever taken for another.

They say nothing private, so they are stored as they are.
"""

import io
import random
import secrets
from typing import Any

from PIL import Image


def jpeg(width: int = 64, height: int = 48, **options: Any) -> bytes:
    """A photo-like JPEG that nobody has uploaded before; `options` are Pillow's, a comment for example."""
    picture = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    return _encoded(_unique(picture), "JPEG", **options)


def big_jpeg(**options: Any) -> bytes:
    """A JPEG of three megabytes: it passes through a file on its way in."""
    noise = Image.frombytes("RGB", (1200, 900), secrets.token_bytes(3 * 1200 * 900))
    return _encoded(noise, "JPEG", quality=95, **options)


def png_with_transparency(width: int = 64, height: int = 48) -> bytes:
    """A PNG whose left half can be seen through."""
    picture = _unique(Image.new("RGBA", (width, height), (200, 30, 40, 255)))
    picture.paste((0, 0, 0, 0), (0, 0, width // 2, height))
    return _encoded(picture, "PNG")


def undecodable_png() -> bytes:
    """A PNG with a good header and a bad body, which only a decoder notices."""
    spoilt = bytearray(png_with_transparency(300, 200))
    start = spoilt.index(b"IDAT") + 12
    spoilt[start : start + 200] = b"\xaa" * 200
    return bytes(spoilt)


def noise(rng: random.Random, width: int, height: int, kind: str = "image/jpeg") -> bytes:
    """A picture of random pixels, drawn from a generator, of the type `kind`; it has no metadata."""
    pixels = Image.frombytes("RGB", (width // 4, height // 4), rng.randbytes((width // 4) * (height // 4) * 3))
    return _encoded(pixels.resize((width, height)), kind.removeprefix("image/").upper())


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height of an encoded picture, in pixels."""
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture.size


def _unique(picture: Image.Image) -> Image.Image:
    """The picture with a row of strange colours in its lower right corner, eight pixels and more to survive JPEG."""
    noise = Image.frombytes("RGB", (4, 2), secrets.token_bytes(24)).resize((32, 16), Image.Resampling.NEAREST)
    picture.paste(noise, (picture.width - 32, picture.height - 16))
    return picture


def _encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()
