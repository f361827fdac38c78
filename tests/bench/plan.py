"""What every measurement is given."""

from collections.abc import Callable

import msgspec

from tests.bench.machine import Cores
from tests.bench.stack import Stack


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The system to measure and how long to look: `rounds` pairs of rounds of `seconds`; `done` hears of each pair."""

    stack: Stack
    cores: Cores
    rounds: int
    seconds: float
    done: Callable[[], None]
