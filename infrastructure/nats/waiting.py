"""Whom a change waits for, before it may be answered as final.

The read services that had a record in the bucket after the event was in the stream: no other can come to hold a lease
without having caught up with it. Each is waited for until it says that it has applied the event, or until its lease
must have run out. A record that has not been renewed for a whole lease is one that nobody believes in any more.
One that was renewed belongs to a process that lives and does not apply events: it is expelled, and can't be renewed.
"""

import asyncio
import enum
from collections.abc import Iterable
from datetime import datetime

import msgspec

from contracts.errors import Unavailable
from infrastructure.nats.bucket import Record


class Place(msgspec.Struct, frozen=True):
    """Where an event lies: in the stream that was made then, at that sequence."""

    stream: datetime
    sequence: int

    def is_reached_by(self, record: Record | None) -> bool:
        """Whether the writer of the record has applied the event."""
        return record is not None and record.stream == self.stream and record.sequence >= self.sequence


class Verdict(enum.Enum):
    """What a record means to one who has waited a whole lease for its holder."""

    APPLIED = "applied"
    """The event has arrived, though nothing was heard of it."""
    GONE = "gone"
    """There is no record: its holder has let go of the lease, or somebody else has found it lapsed."""
    LAPSED = "lapsed"
    """It was not renewed, so nobody believes in it. It can be removed."""
    DEAF = "deaf"
    """It was renewed, and its holder doesn't hear: it must be expelled, and waited for once more."""


def judge(record: Record | None, revision: int, *, newest: int, place: Place) -> Verdict:
    """Judges the record of a holder, found at `revision`, one lease after `newest` was the newest in the bucket."""
    if record is None:
        return Verdict.GONE
    if place.is_reached_by(record):
        return Verdict.APPLIED
    return Verdict.LAPSED if revision <= newest else Verdict.DEAF


class Wait:
    """One change that waits for some holders, `left`."""

    def __init__(self, place: Place) -> None:
        """Nobody is waited for yet."""
        self.place = place
        self.left: set[str] = set()
        self._changed = asyncio.Event()
        self._is_lost = False

    def hear(self, holder: str, record: Record) -> None:
        """Takes what a holder says of itself."""
        if self.place.is_reached_by(record):
            self.drop(holder)

    def drop(self, *holders: str) -> None:
        """These need not be waited for any longer."""
        self.left.difference_update(holders)
        self._changed.set()

    def lose(self) -> None:
        """Nothing will be heard any more."""
        self._is_lost = True
        self._changed.set()

    async def over(self, until: float) -> bool:
        """Whether nobody is left, at the latest at `until` on the loop's clock. Raises `Unavailable` after `lose`."""
        while self.left:
            if self._is_lost:
                raise Unavailable("The connection to NATS was lost while read services were waited for.")
            self._changed.clear()
            try:
                async with asyncio.timeout_at(until):
                    await self._changed.wait()
            except TimeoutError:
                return False
        return True

    def await_also(self, holders: Iterable[str]) -> None:
        """Waits for these too."""
        self.left.update(holders)
