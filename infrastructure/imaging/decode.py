"""From bytes to the first picture in memory, no larger than it must be.

The decoder sees only the parts that make up the picture: comments, EXIF, thumbnails and whatever else a file
carries never reach it. Whatever it raises means that the picture is refused.
"""

import io
import math
import warnings
from importlib import import_module
from importlib.util import find_spec

import msgspec
from PIL import AvifImagePlugin, Image, ImageFile, WebPImagePlugin

from infrastructure.imaging import large
from infrastructure.imaging.exif import ORIENTATION, UPRIGHT
from infrastructure.imaging.formats import png, webp
from infrastructure.imaging.formats.outline import Stripped
from infrastructure.imaging.metadata import open_stripped, strip
from infrastructure.imaging.scale import Scaled, fit, near
from infrastructure.imaging.source import Source

_NAMES = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/webp": WebPImagePlugin.WebPImageFile.format,
    "image/avif": AvifImagePlugin.AvifImageFile.format,
    "image/heic": "HEIF",
}
_INDIVISIBLE = frozenset({"image/avif", "image/heic"})
_SCALE_MARGIN = 1.25
"""JPEG is decoded at the smallest eighth that leaves this much more than is needed, for a sharp last step."""


class Decoded(msgspec.Struct, frozen=True):
    """A picture as it is stored: not yet turned, its colours as `profile` (ICC, may be empty) means them.

    It may be smaller than the file's, whose width and height are `size`.
    """

    scaled: Scaled
    size: tuple[int, int]
    orientation: int
    profile: bytes


def set_up_decoders(max_pixels: int) -> None:
    """Makes this process decode in one thread, refuse bombs, and read HEIC where that is installed."""
    Image.MAX_IMAGE_PIXELS = max_pixels
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    Image.preinit()
    if find_spec("pillow_heif"):
        heif = import_module("pillow_heif")
        heif.options.DECODE_THREADS = 1
        heif.register_heif_opener(thumbnails=False)


def first_picture(data: bytes, content_type: str, box: int) -> Decoded:
    """Decodes a picture to at least what fills a square of `box` pixels, where the format allows it no larger.

    Raises whatever decoders raise, for pictures that are damaged or not of that type.
    """
    stripped = essence(data, content_type, still=True)
    data = join(stripped, data) if stripped else data
    picture = open_as(data, content_type)
    profile = picture.info.get("icc_profile") or b""
    size, orientation = picture.size, orientation_of(picture, stripped)
    return Decoded(_load(picture, data, box), size, orientation, profile)


def open_as(data: bytes, content_type: str) -> Image.Image:
    """Opens a picture as exactly the type it was probed as."""
    name = _NAMES[content_type]
    picture = Image.open(io.BytesIO(data), formats=(name,))
    if picture.format != name:
        raise ValueError(f"announced as {name}, decoded as {picture.format}")
    return picture


def orientation_of(picture: Image.Image, stripped: Stripped | None) -> int:
    """How to turn a picture: AVIF says it in its boxes, not in EXIF, and HEIC's decoder has already done it."""
    if stripped:
        return stripped.orientation
    return int(picture.getexif().get(ORIENTATION, UPRIGHT)) if picture.format == "AVIF" else UPRIGHT


def join(stripped: Stripped, data: bytes) -> bytes:
    """The stripped picture as one piece."""
    return open_stripped(stripped, io.BytesIO(data)).read() if stripped.removed else data


def essence(data: bytes, content_type: str, *, still: bool) -> Stripped | None:
    """What of a file its decoder is to see, with `still` only the first picture; None: all, it can't be taken apart."""
    if content_type == "image/png":
        return png.strip(Source(io.BytesIO(data)), still=still)
    if content_type == "image/webp" and still and (frame := webp.first_frame(Source(io.BytesIO(data)))):
        return frame
    return None if content_type in _INDIVISIBLE else strip(io.BytesIO(data), content_type)


def _load(picture: Image.Image, data: bytes, box: int) -> Scaled:
    if large.is_large(picture) and (found := large.load(picture, data, box)):
        return found
    width, height = fit(picture.size, box)
    area: tuple[float, float] = picture.size
    if picture.format == "JPEG":
        drafted = picture.draft(None, (math.ceil(width * _SCALE_MARGIN), math.ceil(height * _SCALE_MARGIN)))
        area = drafted[1][2:] if drafted else area
    try:
        picture.load()
    except OSError:
        if picture.format != "PNG" or not png.is_nearly_whole(Source(io.BytesIO(data))):
            raise
        picture = _load_what_is_there(data)
    return near(picture, area, box)


def _load_what_is_there(data: bytes) -> Image.Image:
    """A PNG as far as its data go, as browsers show it."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        picture = open_as(data, "image/png")
        picture.load()
        return picture
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
