"""What every scanner can do."""

from typing import BinaryIO, Protocol

from contracts.errors import Unavailable

PIECE = 64 * 1024
"""Bytes of a file that are read and sent at a time."""


class ScannerFailed(Unavailable):
    """No verdict: the scanner is not there, hangs, or says something else; `reason` is for logs."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class Scanner(Protocol):
    """Something that knows malware. Safe for any number of concurrent calls on one event loop."""

    async def scan(self, file: BinaryIO) -> str | None:
        """What was found in a file, by the scanner's own name for it; None when it is clean.

        The file's position is moved. Raises `ScannerFailed`, at the latest after the configured time.
        """
        ...

    async def ping(self) -> None:
        """Returns when the scanner has answered. Raises `ScannerFailed`."""
        ...
