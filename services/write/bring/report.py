"""What became of each thing that was to be brought along."""

from collections import Counter
from collections.abc import Callable
from enum import StrEnum

import msgspec


class Outcome(StrEnum):
    """`THERE`: it was here already, or has been. All after it did not come."""

    IMPORTED = "imported"
    THERE = "already there"
    MISSING = "file missing"
    UNREADABLE = "file unreadable"
    REFUSED = "file refused"
    NO_OWNER = "owner not imported"
    TAKEN = "address taken"
    UNUSABLE = "unusable"


CAME = frozenset({Outcome.IMPORTED, Outcome.THERE})


class Problem(msgspec.Struct, frozen=True):
    """Something that did not come, or not as it was, and why."""

    kind: str
    id: str
    outcome: Outcome
    reason: str


Told = Callable[[Problem], None]
Step = Callable[[str], None]
"""Hears of each that is done, by its kind: users, images."""


class Tally(msgspec.Struct):
    """Counts by outcome. `retyped` images had another type than was claimed, `cut` ones longer words than
    can be kept, `locked` accounts have no password.
    """

    users: Counter[str] = msgspec.field(default_factory=Counter)
    images: Counter[str] = msgspec.field(default_factory=Counter)
    retyped: int = 0
    cut: int = 0
    locked: int = 0

    @property
    def is_complete(self) -> bool:
        """Everything came."""
        return not {*self.users, *self.images} - CAME
