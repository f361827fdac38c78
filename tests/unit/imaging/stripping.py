"""Stripping pictures in memory, and looking at what is left."""

import io

from PIL import Image

from infrastructure.imaging import exif
from infrastructure.imaging.metadata import open_stripped, strip

TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp", "AVIF": "image/avif"}


def stripped(data: bytes, content_type: str) -> bytes:
    """A file as it is stored."""
    file = io.BytesIO(data)
    return open_stripped(strip(file, content_type), file).read()


def decoded(data: bytes) -> object:
    """Everything a viewer shows: pixels of all frames, their timing, repetition, colour profile."""
    with Image.open(io.BytesIO(data)) as picture:
        frames = []
        for index in range(1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)):
            picture.seek(index)
            frames.append((picture.size, picture.info.get("duration"), picture.convert("RGBA").tobytes()))
        return frames, picture.info.get("icc_profile"), picture.info.get("loop")


def camera(orientation: int) -> bytes:
    """EXIF with a serial number, an owner and an orientation."""
    data = Image.Exif()
    data[exif.ORIENTATION] = orientation
    data[0xA431] = "SERIAL-0815-4711"
    data[0x013B] = "Jane Roe"
    return data.tobytes()
