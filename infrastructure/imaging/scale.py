"""From large to small, in the modes that the rest works with: L, RGB, RGBA and CMYK."""

import math
from collections.abc import Callable

import msgspec
from PIL import Image, ImageChops

_BAND_PIXELS = 1_000_000
_MARGIN = 2
"""Averaging stops at this many times the size that is wanted; what is left is done by a sharper filter."""


def fit(size: tuple[int, int], box: int) -> tuple[int, int]:
    """The size that fits inside a square of `box` pixels in the same proportions, never larger than `size`."""
    width, height = size
    scale = min(1.0, box / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


class Scaled(msgspec.Struct, frozen=True):
    """A picture in one of the modes L, RGB, RGBA and CMYK, as it is stored or averaged from it.

    It covers `area` of itself, in pixels: less than all where the last row or column is only partly filled.
    """

    picture: Image.Image
    area: tuple[float, float]


def shrink(scaled: Scaled, size: tuple[int, int]) -> Image.Image:
    """The picture at exactly that size; colours of clear pixels don't bleed."""
    if (float(size[0]), float(size[1])) == scaled.area:
        return scaled.picture
    return scaled.picture.resize(size, Image.Resampling.LANCZOS, box=(0, 0, *scaled.area))


def near(picture: Image.Image, area: tuple[float, float], box: int) -> Scaled:
    """A picture that covers `area` of itself, averaged until it is at most a few times as large as the box."""
    if _factor(picture.size, box) < 2:
        return Scaled(plain(picture), area)
    return near_by_bands(picture.size, area, box, lambda top, end: picture.crop((0, top, picture.width, end)))


def near_by_bands(
    size: tuple[int, int], area: tuple[float, float], box: int, band: Callable[[int, int], Image.Image]
) -> Scaled:
    """The same from bands: `band` gives the rows from one number up to another.

    A large picture is so never in memory in a second mode.
    """
    width, height = size
    factor = _factor(size, box)
    rows = max(1, _BAND_PIXELS // (width * factor)) * factor
    whole: Image.Image | None = None
    for top in range(0, height, rows):
        part = plain(band(top, min(top + rows, height))).reduce(factor)
        if whole is None:
            whole = Image.new(part.mode, (part.width, math.ceil(height / factor)))
        whole.paste(part, (0, top // factor))
    if whole is None:
        raise ValueError("a picture without rows")
    return Scaled(whole, (area[0] / factor, area[1] / factor))


def plain(picture: Image.Image) -> Image.Image:
    """The picture in one of the modes L, RGB, RGBA and CMYK."""
    if picture.mode.startswith("I;16"):
        return _high_bytes(picture)
    if picture.has_transparency_data:
        return picture if picture.mode == "RGBA" else picture.convert("RGBA")
    if picture.mode in ("L", "RGB", "CMYK"):
        return picture
    return picture.convert("L" if picture.mode in ("1", "I", "F") else "RGB")


def _factor(size: tuple[int, int], box: int) -> int:
    width, height = fit(size, box)
    return max(1, int(min(size[0] / width, size[1] / height) / _MARGIN))


def _high_bytes(picture: Image.Image) -> Image.Image:
    """The upper eight of sixteen bits of grey; the one grey that means transparency becomes so."""
    data = picture.convert("I;16").tobytes()
    high = Image.frombytes("L", picture.size, data[1::2])
    clear = picture.info.get("transparency")
    if not isinstance(clear, int):
        return high
    low = Image.frombytes("L", picture.size, data[::2])
    alpha = ImageChops.lighter(_differs(high, clear >> 8), _differs(low, clear & 255))
    return Image.merge("RGBA", (high, high, high, alpha))


def _differs(channel: Image.Image, value: int) -> Image.Image:
    return channel.point([0 if at == value else 255 for at in range(256)])
