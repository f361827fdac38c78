"""A file somebody sent us, read with suspicion."""

import io
import re
from typing import BinaryIO

from contracts.errors import InvalidImage

_WINDOW = 16 * 1024
_SEARCH_WINDOW = 256 * 1024
_MAX_STEPS = 65_536


class Source:
    """Random access to a seekable file through one small window.

    Every read is checked against the file's size: what lies outside is `InvalidImage`. The parts of a
    container are counted, so that a file made of millions of empty ones costs milliseconds, not minutes.
    The file's position is moved about; nothing else of it is changed.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, io.SEEK_END)
        self._start = 0
        self._window = b""
        self._steps = 0

    def take(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes at `offset`. Raises `InvalidImage` when the file has fewer."""
        end = offset + length
        if end > self.size:
            raise InvalidImage("The file is cut short.")
        if length == 0 or length > _WINDOW:
            return self._read(offset, length) if length else b""
        if end > self._start + len(self._window):
            self._load(offset)
        begin = self._in_window(offset)
        return self._window[begin : begin + length]

    def number(self, offset: int, length: int) -> int:
        """The unsigned big-endian number of `length` bytes at `offset`."""
        return int.from_bytes(self.take(offset, length), "big")

    def stretch(self, offset: int) -> bytes:
        """At least one byte from `offset` on, as many as are at hand."""
        begin = self._in_window(offset)
        return self._window[begin:]

    def find(self, pattern: re.Pattern[bytes], offset: int, width: int) -> int | None:
        """Where `pattern`, which matches `width` bytes, begins at or after `offset`."""
        if offset >= self.size:
            return None
        begin = self._in_window(offset)
        if match := pattern.search(self._window, begin):
            return self._start + match.start()
        offset = max(offset, self._start + len(self._window) - width + 1)
        while offset + width <= self.size:
            window = self._read(offset, _SEARCH_WINDOW)
            if match := pattern.search(window):
                return offset + match.start()
            offset += len(window) - width + 1
        return None

    def step(self) -> None:
        """Counts one part of the container. Raises `InvalidImage` when there are too many."""
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise InvalidImage("The file is made of too many parts.")

    def _in_window(self, offset: int) -> int:
        """Where in the window an offset of the file is; the window is moved there when it isn't."""
        if not self._start <= offset < self._start + len(self._window):
            self._load(offset)
        return offset - self._start

    def _load(self, offset: int) -> None:
        self._window = self._read(offset, _WINDOW)
        self._start = offset

    def _read(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        data = self._file.read(length)
        if not data:
            raise InvalidImage("The file is cut short.")
        return data
