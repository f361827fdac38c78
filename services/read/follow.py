"""Hearing everything that was committed and that the replica may not have.

Events come by the stream, which is followed from a place before which the replica has everything: it says so itself, by
the heartbeat that it has replayed. Two things the stream doesn't tell:

- what was committed while it was away and is still on its way there. So before a lease is believed, which is when
  what is remembered comes into use again, the outbox is read, and then the stream up to its end.
- what it has lost. Then everything that was remembered is void, and the base is believed once it has
  everything that is committed by now.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from contracts.consistency import position
from contracts.events import Event
from services.read.ports import Look

logger = logging.getLogger(__name__)

Unsent = Callable[[], Awaitable[Sequence[tuple[Event, str]]]]
"""Events that are committed and may not be in the stream, each with a position not before its commit."""


class Recent(Protocol):
    """Something that is kept in step with the stream; `services/read/recent.py` has the one for images."""

    def hear(self, event: Event, lsn: int) -> None:
        """Takes an event, if it is one of its own."""
        ...

    def doubt(self) -> None:
        """Events were missed: what is remembered may be untrue."""
        ...

    def begin(self, position: int) -> None:
        """What was committed before this position is known to the base alone."""
        ...


class Follower:
    """Gives what is heard to all that are kept in step."""

    def __init__(
        self,
        recents: Sequence[Recent],
        *,
        unsent: Unsent,
        index: Callable[[], Awaitable[int]],
        look: Callable[[], Look | None],
    ) -> None:
        """`index` gives a position not before any commit answered before, `look` what the replica said last."""
        self._recents = recents
        self._unsent = unsent
        self._index = index
        self._look = look
        self._gaps = 0
        self._healed = 0

    def place(self, stream: str, first: int, last: int) -> int:
        """The event after which to begin in a stream that holds those from `first` to `last`."""
        look = self._look()
        if look is not None and look.stream == stream and first - 1 <= look.sequence <= last:
            self._begin(look.position)
            return look.sequence
        logger.info("the replica can't tell where to begin in the stream; it has to catch up with the primary once")
        self._gaps += 1
        return last

    def hear(self, event: Event, lsn: str | None) -> None:
        """Takes an event. Never blocks. Raises `ValueError` when it doesn't say where in the log it belongs."""
        if lsn is None:
            raise ValueError(f"event {event.id} has no position")
        for recent in self._recents:
            recent.hear(event, position(lsn))

    def doubt(self) -> None:
        """Events were missed."""
        self._gaps += 1
        for recent in self._recents:
            recent.doubt()

    async def catch_up(self) -> None:
        """Hears what the stream may not tell. Raises `Unavailable` when that can't be found out."""
        for event, lsn in await self._unsent():
            self.hear(event, lsn)
        gaps = self._gaps
        if gaps != self._healed:
            self._begin(await self._index())
            self._healed = gaps

    def _begin(self, position: int) -> None:
        for recent in self._recents:
            recent.begin(position)
