"""The picture that is uploaded and fetched: a JPEG of about 450 kB, made from a fixed seed, the same in every run."""

import io
import random

from PIL import Image

WIDTH, HEIGHT, QUALITY = 1600, 1200, 85

DENSITY = slice(14, 18)
"""Where JFIF says how many pixels an inch has. It is kept when the rest is taken out, and shows nothing."""


def photos(count: int) -> list[bytes]:
    """So many JPEGs of one picture and one size; each has bytes of its own, so none is taken for another."""
    out = io.BytesIO()
    _picture().save(out, "JPEG", quality=QUALITY)
    head, tail = out.getvalue()[: DENSITY.start], out.getvalue()[DENSITY.stop :]
    return [head + (65_537 + serial).to_bytes(4, "big") + tail for serial in range(count)]


def _picture() -> Image.Image:
    """Soft forms under some grain, so that it compresses like a photo."""
    source = random.Random(450)
    coarse = Image.frombytes("RGB", (40, 30), source.randbytes(40 * 30 * 3))
    grain = Image.frombytes("L", (WIDTH, HEIGHT), source.randbytes(WIDTH * HEIGHT)).convert("RGB")
    return Image.blend(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), grain, 0.08)
