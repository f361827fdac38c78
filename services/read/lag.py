"""How far a replica is behind, by one clock.

Positions that the primary had at times of ours are noted; how old the first is that the replica has not replayed is how
long it is behind. No clock of another machine plays a part, and a replica that is cut off from the primary can't seem
fresh.
"""

from collections import deque
from itertools import takewhile

SAMPLES = 1200
"""Positions noted at most: at two a second ten minutes. A replica that is farther behind seems to be so far."""


class Lag:
    """Times are seconds on a clock that never goes back."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque(maxlen=SAMPLES)

    def note(self, asked_at: float, position: int) -> None:
        """The primary had this position when it was asked."""
        if not self._samples or position > self._samples[-1][1]:
            self._samples.append((asked_at, position))

    def seconds(self, replayed: int, now: float) -> float:
        """How long there has been something that a replica which has replayed this far does not have; 0 if nothing."""
        missing = takewhile(lambda sample: sample[1] > replayed, reversed(self._samples))
        oldest = min((asked_at for asked_at, _ in missing), default=now)
        return now - oldest
