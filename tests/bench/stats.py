"""What many rounds say together."""

from collections.abc import Sequence
from statistics import median

import msgspec


class Spread(msgspec.Struct, frozen=True):
    """A median and the quartiles around it."""

    low: float
    median: float
    high: float

    @property
    def relative(self) -> float:
        """Half the distance of the quartiles, as a share of the median."""
        return (self.high - self.low) / 2 / self.median if self.median else 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of them don't exceed, interpolated between neighbours. Raises ValueError for no values."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles. Raises ValueError for no values."""
    return Spread(percentile(values, 0.25), float(median(values)), percentile(values, 0.75))


def ratio(ours: Sequence[float], baseline: Sequence[float]) -> Spread:
    """How `ours` compares to `baseline`, round by round.

    Each round is set against its own neighbour in time, because noise of the machine lasts longer than a
    round and so hits both. Raises ValueError when the numbers of rounds differ or are zero.
    """
    return spread([mine / theirs for mine, theirs in zip(ours, baseline, strict=True)])
