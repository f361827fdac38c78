"""Pictures of tens of megapixels in formats whose decoders give nothing but whole ones.

Pillow holds such a picture two to four times: as its decoder gives it, as bytes, and in its own layout. Here the
libraries scale it themselves, or it is read from where they put it.
"""

from typing import Any

from PIL import Image

from infrastructure.imaging import libavif, libwebp
from infrastructure.imaging.scale import Scaled, fit, near_by_bands

_LARGE = 12_000_000
"""Pixels; smaller pictures take Pillow's ordinary way."""
_MARGIN = 2
"""How much larger than the box a picture is decoded, for a sharp last step."""


def is_large(picture: Image.Image) -> bool:
    """Whether a picture is worth a special way."""
    return picture.width * picture.height > _LARGE


def load(picture: Image.Image, data: bytes, box: int) -> Scaled | None:
    """The picture at least as large as the box wants it, or None when only Pillow's ordinary way is left."""
    size = fit(picture.size, _MARGIN * box)
    if picture.format == "WEBP":
        return _exactly(libwebp.decode_scaled(data, *size))
    if picture.format == "AVIF":
        return _exactly(libavif.decode_scaled(data, *size))
    if picture.format == "HEIF":
        return _heic(picture, box)
    return None


def _exactly(picture: Image.Image | None) -> Scaled | None:
    return Scaled(picture, picture.size) if picture else None


def _heic(picture: Any, box: int) -> Scaled:
    """A band at a time from where the decoder put it."""
    heif = picture._heif_file[picture.tell()]  # noqa: SLF001 - `load` would make a second copy
    data, stride, width = memoryview(heif.data), heif.stride, heif.size[0]

    def band(top: int, end: int) -> Image.Image:
        rows = data[top * stride : end * stride].tobytes()
        return Image.frombuffer(heif.mode, (width, end - top), rows, "raw", heif.mode, stride, 1)

    return near_by_bands(heif.size, heif.size, box, band)
