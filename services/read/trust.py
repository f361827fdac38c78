"""How far what is remembered can be believed.

A memory is right as long as every event is heard. Two things take longer than a reconnect:

- Events committed while NATS was away reach the stream only when the relay has carried them there. So memory is
  believed again `SETTLE` seconds after events are heard again, which is longer than the relay's pauses.
- An entry of the shared cache was right when it was put there, and lives `ttl` seconds. Whoever has heard everything
  for that long, and has told the cache of all of it, knows that nothing in it is old.
"""

from collections.abc import Callable

SETTLE = 3.0


class Trust:
    """Tells whether memory and the shared cache may be used. `clock` gives seconds and never goes back."""

    def __init__(
        self, *, attached: Callable[[], bool], told: Callable[[], bool], ttl: float, clock: Callable[[], float]
    ) -> None:
        """`attached` says whether events are heard, `told` whether the shared cache knows of all that were."""
        self._attached = attached
        self._told = told
        self._ttl = ttl
        self._clock = clock
        self._since: float | None = None

    def restart(self) -> None:
        """Events were missed, or may have been: hearing begins anew."""
        self._since = None

    def in_memory(self) -> bool:
        """Whether memory can be believed."""
        return self._heard_for() >= SETTLE

    def in_cache(self) -> bool:
        """Whether the shared cache can be believed."""
        return self._told() and self._heard_for() >= max(self._ttl, SETTLE)

    def _heard_for(self) -> float:
        if not self._attached():
            self._since = None
            return 0.0
        now = self._clock()
        if self._since is None:
            self._since = now
        return now - self._since
