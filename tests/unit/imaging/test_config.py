"""Configuration of the imaging room."""

import pytest

from infrastructure.env import ConfigError, read
from infrastructure.imaging.config import FenceConfig, ImagingLimits


def test_defaults():
    """Nothing must be set."""
    limits, fence = read(ImagingLimits, {}), read(FenceConfig, {})
    assert (limits.max_pixels, limits.max_frame_pixels, limits.max_side) == (50_000_000, 200_000_000, 16_384)
    assert fence.processes == 2
    assert fence.max_pixels == limits.max_pixels
    assert not fence.avif


def test_variables():
    """Each number has its variable."""
    fence = read(
        FenceConfig, {"CHITRAM_RENDER_PROCESSES": "8", "CHITRAM_AVIF": "true", "CHITRAM_RENDER_SECONDS": "2.5"}
    )
    assert (fence.processes, fence.avif, fence.seconds) == (8, True, 2.5)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (ImagingLimits, "CHITRAM_MAX_PIXELS", "0"),
        (ImagingLimits, "CHITRAM_MAX_SIDE", "wide"),
        (FenceConfig, "CHITRAM_RENDER_PROCESSES", "0"),
        (FenceConfig, "CHITRAM_RENDER_MEMORY", "536870912"),
        (FenceConfig, "CHITRAM_RENDER_SECONDS", "0"),
    ],
)
def test_unusable(kind, name, value):
    """A value that can't be used stops the start and is named; half a GiB is too little for good HEICs."""
    with pytest.raises(ConfigError, match=name):
        read(kind, {name: value})
