"""How many uploads a service takes in hand at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from contracts.errors import Unavailable


class Gate:
    """Lets in at most `uploads` at once, of at most `size` bytes together; a single one of any size gets in.

    Whoever finds it closed is told so before his body is read, and other requests have the service to themselves.
    """

    def __init__(self, *, uploads: int, size: int) -> None:
        self._uploads = uploads
        self._size = size
        self._in_hand = 0
        self._bytes = 0

    @contextmanager
    def enter(self, size: int) -> Iterator[None]:
        """Holds a place for an upload of `size` bytes while the block runs. Raises `Unavailable` when there is none."""
        if self._in_hand >= self._uploads or (self._in_hand and self._bytes + size > self._size):
            raise Unavailable("Too many uploads are in progress. Try again shortly.")
        self._in_hand += 1
        self._bytes += size
        try:
            yield
        finally:
            self._in_hand -= 1
            self._bytes -= size
