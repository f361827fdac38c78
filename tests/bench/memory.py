"""Memory of a process that renders, for the largest pictures that are taken in, format by format."""

import asyncio
import io
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from PIL import Image

from infrastructure.imaging.config import FenceConfig, ImagingLimits
from infrastructure.imaging.fence import open_fence
from infrastructure.imaging.probe import probe
from tests.bench.figures import Figure
from tests.bench.stats import Spread

LIMIT = 400_000_000
"""Bytes."""
SIZE = (8000, 6250)
"""Fifty megapixels."""

KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "JPEG, progressive, full colour": ("JPEG", "RGB", {"progressive": True, "subsampling": 0}),
    "PNG": ("PNG", "RGB", {"compress_level": 1}),
    "PNG, transparent": ("PNG", "RGBA", {"compress_level": 1}),
    "GIF, transparent": ("GIF", "P", {"transparency": 3}),
    "WebP": ("WEBP", "RGB", {"quality": 1, "method": 0}),
    "WebP, transparent, lossless": ("WEBP", "RGBA", {"quality": 0, "method": 0, "lossless": True}),
    "AVIF, transparent, full colour": ("AVIF", "RGBA", {"quality": 1, "speed": 10, "subsampling": "4:4:4"}),
    "HEIC, transparent": ("HEIF", "RGBA", {"quality": 1}),
}


def measure() -> Figure:
    """The most that any of them takes; about a minute."""
    import_module("pillow_heif").register_heif_opener()
    peaks = dict(_peaks())
    worst = max(peaks, key=lambda name: peaks[name])
    ratio = LIMIT / peaks[worst]
    return Figure(
        name="Memory of a process that renders 50 megapixels",
        against=f"400 MB; {worst}: {peaks[worst] / 1e6:.0f} MB",
        ratio=Spread(ratio, ratio, ratio),
        target=1.0,
        remarks=(", ".join(f"{name}: {peak / 1e6:.0f} MB" for name, peak in peaks.items()) + ".",),
    )


def _peaks() -> Iterator[tuple[str, int]]:
    for name, (kind, mode, options) in KINDS.items():
        target = io.BytesIO()
        Image.linear_gradient("L").resize(SIZE).convert(mode).save(target, kind, **options)
        yield name, asyncio.run(_peak(target.getvalue()))


async def _peak(data: bytes) -> int:
    """The most bytes that a new process has held when it has rendered this picture, all variants of it."""
    found = probe(io.BytesIO(data), ImagingLimits())
    async with open_fence(FenceConfig(processes=1)) as fence:
        await fence.render(data, found.content_type, pixels=found.pixels, frames=found.frames)
        return _most_held(fence.pids[0])


def _most_held(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
