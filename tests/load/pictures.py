"""Photos to upload: drawn once at the start, then made different again and again at next to no cost.

They are drawn into a directory, since every process of locust reads its file anew.
"""

import io
import os
import random
import secrets
from pathlib import Path

from PIL import Image

SMALL, PHOTO, LARGE = (800, 600), (2000, 1500), (4000, 3000)
"""What a screen, an older phone and a newer one make."""

TAGS = os.environ.get("TAGS", "")
"""What pictures must have to be looked at; any are, when it is empty."""

_TABLE = b"\xff\xdb"
_FINE = slice(32, 64)
"""Where in a table of quantization the fine detail is: changing it a little shows least."""


class Album:
    """JPEGs of one size, no two alike, each as a camera might have made it."""

    def __init__(self, directory: Path, size: tuple[int, int]) -> None:
        """Reads what `draw` has drawn there."""
        self._drawn = [path.read_bytes() for path in directory.glob(f"{size[0]}-*.jpg")]

    def photo(self) -> bytes:
        """A JPEG that nobody has uploaded before: the same picture, dequantized a little differently."""
        data = bytearray(random.choice(self._drawn))
        start = data.index(_TABLE) + 5  # marker, length and the table's number
        for place in random.sample(range(start + _FINE.start, start + _FINE.stop), 6):
            data[place] = min(255, max(1, data[place] + random.randint(-9, 9)))
        return bytes(data)


def draw(directory: Path, *sizes: tuple[int, int], different: int = 2) -> None:
    """Some different pictures of each size; the large ones take about a second each."""
    for size in sizes:
        for number in range(different):
            (directory / f"{size[0]}-{number}.jpg").write_bytes(_picture(size))


def _picture(size: tuple[int, int]) -> bytes:
    """Soft shapes with some grain, so that it takes about as many bytes as a photo of its size."""
    shapes = Image.frombytes("RGB", (16, 12), secrets.token_bytes(16 * 12 * 3)).resize(size, Image.Resampling.BICUBIC)
    grain = Image.effect_noise(size, 18).convert("RGB")
    target = io.BytesIO()
    Image.blend(shapes, grain, 0.25).save(target, "JPEG", quality=82)
    return target.getvalue()
