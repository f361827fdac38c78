"""`chitram logs`: shows what the parts have said."""

import os
import sys
import time
from argparse import Namespace
from contextlib import ExitStack, closing
from pathlib import Path
from typing import BinaryIO

from deploy.local.layout import here
from deploy.local.trouble import Trouble
from services.cli.telling import tells_trouble

LAST = 256 * 1024
"""Bytes of a log in which its last lines are looked for."""


@tells_trouble
def run(given: Namespace) -> int:
    """Prints the last lines of each log and, if asked, what is added to them, until it is interrupted."""
    logs = _chosen(given.names)
    width = max(len(log.stem) for log in logs) if len(logs) > 1 else 0
    with ExitStack() as files:
        followed = [files.enter_context(closing(Followed(log, width))) for log in logs]
        for log in followed:
            log.show_last(given.lines)
        while given.follow:
            for log in followed:
                log.show_new()
            time.sleep(0.2)
    return 0


class Followed:
    """A log file that is read on from where it was, also after it was rotated."""

    def __init__(self, path: Path, width: int) -> None:
        """Lines begin with the part's name in `width` columns, with none for 0."""
        self._path = path
        self._prefix = f"{path.stem:<{width}} | ".encode() if width else b""
        self._file: BinaryIO = path.open("rb")

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def show_last(self, count: int) -> None:
        """Prints the last lines and goes to the end."""
        end = self._file.seek(0, 2)
        self._file.seek(max(0, end - LAST))
        lines = self._file.read().splitlines(keepends=True)
        self._print(lines[-count:] if count > 0 else [])

    def show_new(self) -> None:
        """Prints what was added."""
        self._print(self._file.readlines())
        if self._path.exists() and self._path.stat().st_ino != _inode(self._file):
            self._file.close()
            self._file = self._path.open("rb")
            self._print(self._file.readlines())

    def _print(self, lines: list[bytes]) -> None:
        for line in lines:
            sys.stdout.buffer.write(self._prefix + line)
        sys.stdout.buffer.flush()


def _chosen(names: list[str]) -> list[Path]:
    known = sorted(here().log("x").parent.glob("*.log"))
    chosen = [log for log in known if not names or log.stem in names or log.stem.rpartition("-")[0] in names]
    if not chosen:
        there = f"There are: {', '.join(log.stem for log in known)}." if known else "Start a stack: chitram up"
        raise Trouble(f"There is no log of {' or '.join(names) or 'any part'}.", way_out=there)
    return chosen


def _inode(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_ino
