"""The picture that is uploaded and fetched: a JPEG of about 450 kB, made from a fixed seed, the same in every run."""

import io
import random

from PIL import Image

WIDTH, HEIGHT, QUALITY = 1600, 1200, 85

_SERIAL = b"0000"


def photos(count: int) -> list[bytes]:
    """So many JPEGs of one picture and one size; each has a comment, and so bytes, of its own."""
    out = io.BytesIO()
    _picture().save(out, "JPEG", quality=QUALITY, comment=_SERIAL)
    return [out.getvalue().replace(_SERIAL, b"%04d" % serial, 1) for serial in range(count)]


def _picture() -> Image.Image:
    """Soft forms under some grain, so that it compresses like a photo."""
    source = random.Random(450)
    coarse = Image.frombytes("RGB", (40, 30), source.randbytes(40 * 30 * 3))
    grain = Image.frombytes("L", (WIDTH, HEIGHT), source.randbytes(WIDTH * HEIGHT)).convert("RGB")
    return Image.blend(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), grain, 0.08)
