"""The probe: CPU per megabyte of each format, against the millisecond that it may take."""

import io
import time
from collections.abc import Callable
from random import Random
from statistics import median

from PIL import Image

from infrastructure.imaging.config import ImagingLimits
from infrastructure.imaging.metadata import strip
from infrastructure.imaging.probe import probe
from tests.bench.figures import Figure
from tests.bench.stats import Spread

BUDGET = 1e-3
"""Seconds of CPU per megabyte."""

_ROUNDS = 15
_SIZE = (2400, 1600)
_SAVED: dict[str, tuple[str, dict[str, object]]] = {
    "JPEG": ("JPEG", {"quality": 92}),
    "progressive JPEG": ("JPEG", {"quality": 92, "progressive": True}),
    "PNG": ("PNG", {"compress_level": 1}),
    "GIF": ("GIF", {}),
    "WebP": ("WEBP", {"quality": 95, "method": 0}),
    "AVIF": ("AVIF", {"quality": 95, "speed": 10}),
}


def measure() -> Figure:
    """Probes a noisy picture of each format, which is the worst there is: every byte may begin a marker. Takes 10 s."""
    files = {name: _file(kind, options) for name, (kind, options) in _SAVED.items()}
    costs = {name: _cost(data, lambda file: probe(file, ImagingLimits())) for name, data in files.items()}
    whole = {name: _cost(data, _as_uploads_do) for name, data in files.items()}
    dearest = max(costs, key=lambda name: costs[name])
    ratio = BUDGET / costs[dearest]
    told = ", ".join(f"{name} {1e3 * costs[name]:.2f} ({1e3 * whole[name]:.2f})" for name in files)
    return Figure(
        name=f"Probe, {dearest}",
        against="a millisecond of CPU per megabyte",
        ratio=Spread(ratio, ratio, ratio),
        target=1.0,
        remarks=(f"Milliseconds per megabyte, and with looking for private metadata: {told}.",),
    )


def _as_uploads_do(file: io.BytesIO) -> None:
    found = probe(file, ImagingLimits())
    strip(file, found.content_type)


def _cost(data: bytes, look: Callable[[io.BytesIO], object]) -> float:
    """Median CPU seconds per megabyte."""
    return median(_once(data, look) for _ in range(_ROUNDS)) / (len(data) / 1e6)


def _once(data: bytes, look: Callable[[io.BytesIO], object]) -> float:
    file = io.BytesIO(data)
    begun = time.process_time()
    look(file)
    return time.process_time() - begun


def _file(kind: str, options: dict[str, object]) -> bytes:
    noise = Image.frombytes("RGB", _SIZE, Random(1).randbytes(3 * _SIZE[0] * _SIZE[1]))
    out = io.BytesIO()
    noise.save(out, kind, **options)
    return out.getvalue()


if __name__ == "__main__":
    found = measure()
    print(f"{found.name}: {found.ratio.median:.2f} of what it may take. {found.remarks[0]}")
