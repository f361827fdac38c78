"""How old an answer may be, as read and write services must agree on it."""

from typing import Annotated

import msgspec

TEN_YEARS = 3650 * 86_400
"""Seconds that anything which is told in seconds may last at most: far from where dates end."""


class Bounds(msgspec.Struct, frozen=True):
    """Seconds. `lease` is how long a read service that hears nothing from NATS answers from what it remembers,
    `lag_bound` how far behind a replica may be that reads wait for.

    Whoever loses his lease turns to the replica, which has to have a chance then: so the bound is the longer one.
    """

    lease: Annotated[float, msgspec.Meta(ge=0.2, le=60)] = msgspec.field(name="CHITRAM_LEASE", default=1.0)
    lag_bound: Annotated[float, msgspec.Meta(le=600)] = msgspec.field(name="CHITRAM_LAG_BOUND", default=5.0)

    def __post_init__(self) -> None:
        """Refuses bounds that contradict each other."""
        if not self.lag_bound > self.lease:
            raise ValueError("CHITRAM_LAG_BOUND: must be longer than CHITRAM_LEASE")
