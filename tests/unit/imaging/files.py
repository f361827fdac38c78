"""Small files of every kind, for tests to spoil."""

import io
import struct
import zlib
from typing import Any

from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def picture(width: int = 24, height: int = 16, mode: str = "RGB") -> Image.Image:
    """A picture with a different look in every corner."""
    bands = [Image.linear_gradient("L").rotate(angle).resize((width, height)) for angle in (0, 90, 180, 270)]
    return Image.merge("RGBA", bands) if mode == "RGBA" else Image.merge("RGB", bands[:3]).convert(mode)


def saved(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:
    """A picture as a file of that kind."""
    target = io.BytesIO()
    (image or picture()).save(target, kind, **options)
    return target.getvalue()


def animation(kind: str, frames: int = 3, size: tuple[int, int] = (24, 16), **options: Any) -> bytes:
    """An animation of different frames."""
    made = [Image.new("RGB", size, (40 * index % 256, 200, 255 - 30 * index % 256)) for index in range(frames)]
    return saved(kind, made[0], save_all=True, append_images=made[1:], duration=120, **options)


def png_chunk(kind: bytes, data: bytes = b"") -> bytes:
    """A chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int, depth: int = 8, colour: int = 0, interlace: int = 0) -> bytes:
    """An IHDR chunk."""
    return png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def png(width: int, height: int, data: bytes, **header: int) -> bytes:
    """A whole PNG around compressed data."""
    return PNG_SIGNATURE + png_header(width, height, **header) + png_chunk(b"IDAT", data) + png_chunk(b"IEND")


def jpeg_segment(marker: int, body: bytes) -> bytes:
    """A JPEG segment with its length."""
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def webp_chunk(kind: bytes, data: bytes) -> bytes:
    """A RIFF chunk with its length and padding."""
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def webp(*chunks: bytes) -> bytes:
    """A WebP file of these chunks."""
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def box(kind: bytes, *content: bytes) -> bytes:
    """An ISO media box."""
    body = b"".join(content)
    return struct.pack(">I", 8 + len(body)) + kind + body
