"""When to stop asking a server that doesn't answer."""

THRESHOLD = 3
"""Failures in a row. With a deadline of 100 ms a server that hangs is left alone after 0.3 s."""


class Breaker:
    """Closed, calls go through; open, they don't, until somebody has seen the server answer."""

    def __init__(self, threshold: int = THRESHOLD) -> None:
        self._threshold = threshold
        self._failures = 0

    @property
    def is_open(self) -> bool:
        """Too many calls in a row have failed."""
        return self._failures >= self._threshold

    def succeeded(self) -> None:
        """A call was answered."""
        self._failures = 0

    def failed(self) -> None:
        """A call was not."""
        self._failures += 1

    def trip(self) -> None:
        """Opens at once."""
        self._failures = self._threshold
