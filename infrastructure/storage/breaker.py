"""A circuit breaker: stops asking a shard that keeps failing, and asks again with one call at a time."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

import msgspec

from contracts.errors import ObjectMissing, Unavailable


class State(StrEnum):
    """Closed: calls pass. Open: none does. Half-open: one is on its way to find out."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Policy(msgspec.Struct, frozen=True):
    """When to open: `rate` of the calls of the last `window` seconds failed, out of at least `calls`.

    `pause` is how long it stays open before a probe, `patience` how long a probe may stay
    unanswered before another call may be one; all in seconds.
    """

    window: float = 10.0
    rate: float = 0.5
    calls: int = 4
    pause: float = 1.0
    patience: float = 15.0


POLICY = Policy()


class Breaker:
    """For one event loop in one process. `clock` is monotonic, in seconds."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        policy: Policy = POLICY,
        on_change: Callable[[State], None] = lambda _: None,
    ) -> None:
        self._clock = clock
        self._policy = policy
        self._on_change = on_change
        self._slots: deque[list[float]] = deque()  # [second it began, calls, failures]
        self._retry_at = 0.0
        self.state = State.CLOSED

    @property
    def is_closed(self) -> bool:
        """Whether the shard counts as well."""
        return self.state is State.CLOSED

    def allow(self) -> bool:
        """Whether a call may be made now. Of a breaker that isn't closed, the caller that gets True is the probe."""
        if self.state is State.CLOSED:
            return True
        if self._clock() < self._retry_at:
            return False
        self._retry_at = self._clock() + self._policy.patience
        self._become(State.HALF_OPEN)
        return True

    @contextmanager
    def call(self) -> Iterator[None]:
        """Around a call that `allow` let through: takes its outcome from how the block ends.

        An absent object is an answer, so it is a success; a call that is given up (cancelled, or an
        error that says nothing about the shard) counts for neither side.
        """
        try:
            yield
        except ObjectMissing:
            self.succeeded()
            raise
        except Unavailable:
            self.failed()
            raise
        except BaseException:
            self.abandoned()
            raise
        self.succeeded()

    def succeeded(self) -> None:
        """Counts a success; a probe's closes the breaker, that of a straggler from before does not."""
        if self.state is State.CLOSED:
            self._slot()[1] += 1
        elif self.state is State.HALF_OPEN:
            self._slots.clear()
            self._become(State.CLOSED)

    def failed(self) -> None:
        """Counts a failure; opens when there are too many, and again when it was the probe's."""
        slot = self._slot()
        slot[1] += 1
        slot[2] += 1
        if self.state is State.HALF_OPEN or (self.state is State.CLOSED and self._too_many()):
            self.trip()

    def abandoned(self) -> None:
        """A call ended without an outcome; if it was the probe, the next call may be one."""
        if self.state is State.HALF_OPEN:
            self._retry_at = self._clock()

    def trip(self) -> None:
        """Opens at once, for who knows without counting."""
        self._retry_at = self._clock() + self._policy.pause
        self._become(State.OPEN)

    def _too_many(self) -> bool:
        calls = sum(slot[1] for slot in self._slots)
        failures = sum(slot[2] for slot in self._slots)
        return calls >= self._policy.calls and failures >= self._policy.rate * calls

    def _slot(self) -> list[float]:
        """The counts of this tenth of the window; older ones than the window are forgotten."""
        now = self._clock()
        while self._slots and self._slots[0][0] <= now - self._policy.window:
            self._slots.popleft()
        if not self._slots or self._slots[-1][0] <= now - self._policy.window / 10:
            self._slots.append([now, 0, 0])
        return self._slots[-1]

    def _become(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self._on_change(state)
