"""What a measurement comes to: a ratio, how it came about, and whether it is good enough."""

import msgspec

from tests.bench.rounds import Summary
from tests.bench.stats import Spread


class Side(msgspec.Struct, frozen=True):
    """One of the two things that were compared, and its rounds."""

    name: str
    summary: Summary


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table.

    `ratio` is ours to the baseline, 1 being as good. `target` is what it must reach, `wish` what we would like.
    `by_clock` is the same ratio by the wall clock, where `ratio` is by CPU time.
    """

    name: str
    against: str
    ratio: Spread
    by_clock: Spread | None = None
    sides: tuple[Side, ...] = ()
    target: float | None = None
    wish: float | None = None
    remarks: tuple[str, ...] = ()

    @property
    def is_missed(self) -> bool:
        """Whether there is a target and it was not reached, to the two decimals that are shown."""
        return self.target is not None and round(self.ratio.median, 2) < self.target
