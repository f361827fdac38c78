"""How long a lease holds: arithmetic on one clock, which only goes forward.

A lease is counted from before its renewal was sent, because the server may have granted it then already: whoever
counts from when it saw the grant, as the write service does, counts later. It is believed a little less long than it is
granted, for two clocks never run alike.

A renewal prolongs a lease only when the answer finds it still held. One that has lapsed in between may have been given
up for lost by a write service, which then goes on without its holder: such a lease is taken anew, by who has caught
up with everything that was published until the server granted it.
"""

import math

import msgspec

MARGIN = 0.1
"""Part of a lease that its holder does not believe in."""


class Attempt(msgspec.Struct, frozen=True):
    """A renewal that was sent: when, and how often the lease had been dropped by then."""

    sent: float
    drops: int


class Term:
    """One lease as its holder counts it. Times are seconds on the holder's clock."""

    def __init__(self, length: float) -> None:
        """`length` is how long a grant lasts, in seconds."""
        self._believed = length * (1 - MARGIN)
        self._until = -math.inf
        self._drops = 0

    def is_held(self, now: float) -> bool:
        """Whether nobody can have counted to the lease's end yet."""
        return now < self._until

    def attempt(self, now: float) -> Attempt:
        """To be made before a renewal is sent."""
        return Attempt(now, self._drops)

    def renewed(self, attempt: Attempt, now: float) -> bool:
        """Prolongs the lease by a renewal that was granted; False when it has lapsed and must be taken anew."""
        if attempt.drops != self._drops or not self.is_held(now):
            return False
        self._until = max(self._until, attempt.sent + self._believed)
        return True

    def taken(self, attempt: Attempt) -> None:
        """Begins the lease, after its grant and after catching up; nothing when it was dropped meanwhile."""
        if attempt.drops == self._drops:
            self._until = max(self._until, attempt.sent + self._believed)

    def drop(self) -> None:
        """Ends the lease now; what was sent before is of no use any more."""
        self._until = -math.inf
        self._drops += 1
