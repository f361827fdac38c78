"""What a picture looks like, in a few bytes."""

import base64
import math
from operator import mul

import msgspec
from PIL import Image

from infrastructure.imaging.scale import fit
from infrastructure.imaging.thumbhash import Pixels, encode

_PLACEHOLDER_SIDE = 32
_PALETTE = 8
_VISIBLE = 128
_HASH_SIDE = 32
_HASH_WAVES = 8
_COSINES = [
    [math.cos(math.pi / _HASH_SIDE * wave * (at + 0.5)) for at in range(_HASH_SIDE)] for wave in range(_HASH_WAVES + 1)
]


class Appearance(msgspec.Struct, frozen=True):
    """See `Rendered`, whose fields these are."""

    placeholder: str
    dominant_color: str
    perceptual_hash: str


def describe(picture: Image.Image) -> Appearance:
    """Describes an upright sRGB picture of modes L, RGB or RGBA, in about 2 ms."""
    coarse = picture.reduce(max(1, min(picture.size) // (2 * _HASH_SIDE))).convert("RGBA")
    small = coarse.resize(fit(coarse.size, _PLACEHOLDER_SIDE), Image.Resampling.BOX)
    thumbhash = encode(Pixels(small.width, small.height, small.tobytes()))
    return Appearance(base64.b64encode(thumbhash).decode(), _dominant_color(small), _perceptual_hash(coarse))


def _dominant_color(small: Image.Image) -> str:
    """The middle of the largest group of like colours among the pixels that can be seen; white when none can."""
    data = small.tobytes()
    seen = [data[at : at + 3] for at in range(0, len(data), 4) if data[at + 3] >= _VISIBLE]
    if not seen:
        return "#ffffff"
    row = Image.frombytes("RGB", (len(seen), 1), b"".join(seen))
    reduced = row.quantize(_PALETTE, Image.Quantize.MEDIANCUT)
    counts = reduced.histogram()
    most = counts.index(max(counts))
    palette = reduced.getpalette() or []
    return "#" + bytes(palette[3 * most : 3 * most + 3]).hex()


def _perceptual_hash(picture: Image.Image) -> str:
    """Signs of the 64 lowest cosine frequencies of lightness, on white, against their median (Zauner's pHash)."""
    shown = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    grey = shown.convert("L").resize((_HASH_SIDE, _HASH_SIDE), Image.Resampling.BOX).tobytes()
    rows = [grey[start : start + _HASH_SIDE] for start in range(0, len(grey), _HASH_SIDE)]
    waves = _COSINES[1:]
    across = [[sum(map(mul, row, wave)) for row in rows] for wave in waves]
    values = [sum(map(mul, column, wave)) for wave in waves for column in across]
    median = sorted(values)[len(values) // 2]
    bits = 0
    for value in values:
        bits = bits << 1 | (value > median)
    return f"{bits:016x}"
