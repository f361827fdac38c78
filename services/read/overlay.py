"""The overlay: what changed lately, on top of a base that lags.

A replica tells how things are as of a position in the primary's log. The stream of events tells what was committed
since, in any order, several times, or late. The overlay keeps of each subject the newest change that it was told of,
until the base has replayed it; the two together are never older than what was heard.

Three statements hold at any time, for all that `apply` was told. Everything else that a read service does with what
it remembers rests on them:

1. `get(key)` is the newest change of a subject, or None; once it is gone it stays gone.
2. A state of a subject as of a position not before `needed(key)` has its newest change. This holds for a base, and as
   well for what was read from one before and comes late: a slow look-up, an entry of a shared cache. So a state may be
   remembered, or believed, if and only if it is as of `needed(key)` or later.
3. A list as of a position not before `complete_from` has all changes that the overlay doesn't hold.

Why 2 holds: each change comes with an LSN not before its commit, so who has replayed that far has the change. An entry
leaves only when the base is that far (`settle`) or when there is no room (`apply`), and leaves its LSN behind. These
are bounded in number too; the largest that was forgotten becomes the floor for all subjects without one.

An old change may come with a new LSN, because it waited in the outbox. Whether something newer has come and gone in the
meantime is known as long as the newer one's version is; beyond that it is only believed that something has changed,
not what (see `_is_too_old`). A deletion can always be believed: nothing comes after it.

Nothing here awaits, reads a clock, or knows what a subject is.
"""

from collections import OrderedDict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

import msgspec

K = TypeVar("K")
V = TypeVar("V")

GONE = 1 << 62
"""The rank of a deletion, above all versions."""

MAX_SETTLED = 50_000
"""Subjects whose last change is remembered by its LSN alone: about 10 MB, and minutes of a busy system."""

SKEW = timedelta(seconds=5)
"""How far the clocks of two write services may be apart."""

LONG_AGO = datetime.min.replace(tzinfo=UTC) + SKEW


class Entry(msgspec.Struct, Generic[V], frozen=True):
    """A change: the version it made, a position not before its commit, when its maker's clock said it was made, the
    subject as it is since, None when it is gone, and about how many bytes that takes.
    """

    version: int
    lsn: int
    made_at: datetime
    value: V | None
    size: int = 0

    @property
    def is_gone(self) -> bool:
        """Whether the subject was deleted."""
        return self.value is None

    @property
    def rank(self) -> int:
        """The higher one of two changes is the newer."""
        return GONE if self.value is None else self.version


class _Settled(NamedTuple):
    rank: int
    lsn: int
    made_at: datetime


class Overlay(Generic[K, V]):
    """Changes by their subject, oldest first out. Positions are numbers, as `contracts.consistency` has them."""

    def __init__(self, max_bytes: int, *, max_settled: int = MAX_SETTLED) -> None:
        """`max_bytes` bounds the sum of the entries' sizes. What has no room is left to a base that is far enough."""
        self._max_bytes = max_bytes
        self._max_settled = max_settled
        self._bytes = 0
        self._entries: dict[K, Entry[V]] = {}
        self._settled: OrderedDict[K, _Settled] = OrderedDict()
        self._forgotten_at = LONG_AGO
        self.position = 0
        """How far the base has replayed, as it said last."""
        self.complete_from = 0
        self._floor = 0
        self._begun = 0
        self.evicted = 0
        """How many entries had no room."""

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[tuple[K, Entry[V]]]:
        return iter(self._entries.items())

    def get(self, key: K) -> Entry[V] | None:
        """The newest change of a subject, unless the base has it."""
        return self._entries.get(key)

    def needed(self, key: K) -> int:
        """The position from which on a state of this subject has its newest change."""
        known = self._entries.get(key) or self._settled.get(key)
        return self._floor if known is None else max(known.lsn, self._begun)

    def apply(self, key: K, entry: Entry[V]) -> None:
        """Takes a change, in whatever order and however often changes come."""
        held, known = self._entries.get(key), self._settled.get(key)
        if (held is not None and entry.rank <= held.rank) or (known is not None and entry.rank < known.rank):
            return
        if entry.lsn <= self.position or (
            known is not None and known.rank == entry.rank and known.lsn <= self.position
        ):
            self._drop(key)
            self._note(key, entry)
        elif held is None and self._is_too_old(entry):
            self._note(key, entry)
        else:
            self._drop(key)
            self._entries[key] = entry
            self._bytes += entry.size
            self._make_room()

    def settle(self, position: int) -> None:
        """The base has replayed up to here; less than before when it is another one."""
        self.position = position
        while self._entries:
            key, entry = next(iter(self._entries.items()))
            if entry.lsn > position:
                return  # those behind it came later and have waited little
            self._drop(key)
            self._note(key, entry)

    def doubt(self) -> None:
        """Changes were missed: what is held may not be the newest any more. Only what is gone stays so."""
        for key, entry in tuple(self._entries.items()):
            if not entry.is_gone:
                self._drop(key)
                self._note(key, entry)

    def begin(self, position: int) -> None:
        """Of what was committed before this position not all was heard, and will not be: the base has to know it."""
        self._begun = max(self._begun, position)
        self._floor = max(self._floor, position)
        self.complete_from = max(self.complete_from, position)

    def _is_too_old(self, entry: Entry[V]) -> bool:
        """Whether a newer change of the subject may have been forgotten: then it would seem to be the newest."""
        return not entry.is_gone and entry.made_at <= self._forgotten_at + SKEW

    def _drop(self, key: K) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry.size

    def _make_room(self) -> None:
        while self._bytes > self._max_bytes:
            key, entry = next(iter(self._entries.items()))
            self._drop(key)
            self._note(key, entry)
            self.evicted += 1

    def _note(self, key: K, entry: Entry[V]) -> None:
        """Keeps of a change that it was, which version it made, and where in the log."""
        # Of a subject that is not known any more something newer may have been forgotten: the floor stands for it.
        known = self._settled.pop(key, None) or _Settled(0, self._floor, LONG_AGO)
        noted = _Settled(max(known.rank, entry.rank), max(known.lsn, entry.lsn), max(known.made_at, entry.made_at))
        self._settled[key] = noted
        self.complete_from = max(self.complete_from, noted.lsn)
        if len(self._settled) > self._max_settled:
            _, forgotten = self._settled.popitem(last=False)
            self._floor = max(self._floor, forgotten.lsn)
            self._forgotten_at = max(self._forgotten_at, forgotten.made_at)
