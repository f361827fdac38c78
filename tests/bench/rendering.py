"""Derivatives: CPU of a whole set, ours against libvips's."""

from tests.bench import derivatives
from tests.bench.figures import Figure
from tests.bench.stats import Spread


def measure() -> list[Figure]:
    """One figure for each picture; takes about 10 s."""
    return [_figure(found) for found in derivatives.measure()]


def _figure(found: derivatives.Derivatives) -> Figure:
    ratio = found.libvips / found.ours
    return Figure(
        name=f"Derivatives, {found.picture}",
        against=f"libvips: {1e3 * found.libvips:.0f} ms of CPU, ours {1e3 * found.ours:.0f} ms",
        ratio=Spread(ratio, ratio, ratio),
        target=1 / found.most,
        remarks=(f"libvips that starts from the file for each size takes {1e3 * found.libvips_each:.0f} ms.",),
    )
