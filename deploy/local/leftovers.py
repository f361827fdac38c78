"""Processes that outlived whoever started them.

A part's processes are those that run a program of this installation in the part's own working
directory. That holds when their parent was killed and when they have written over their own
arguments and environment, as nginx's workers and PostgreSQL's back ends do; a shell or an editor that
happens to stand in the directory is not meant.
"""

import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

import psutil


def find(directory: Path, *, below: bool = False) -> list[psutil.Process]:
    """Our processes that work in `directory` (or, if asked, below it), the caller's own excepted."""
    wanted = str(directory.resolve())
    return [
        process
        for process in psutil.process_iter()
        if process.pid != os.getpid() and _works_in(process, wanted, below=below)
    ]


def end(processes: Iterable[psutil.Process], *, wish: signal.Signals = signal.SIGTERM, seconds: float = 1.0) -> None:
    """Asks processes to end with the signal `wish`, and kills those that still run `seconds` later."""
    asked = list(processes)
    for process in asked:
        _send(process, wish)
    _, left = psutil.wait_procs(asked, timeout=seconds)
    for process in left:
        _send(process, signal.SIGKILL)
    psutil.wait_procs(left, timeout=5.0)


def _works_in(process: psutil.Process, directory: str, *, below: bool) -> bool:
    try:
        here = process.cwd()
        if here != directory and not (below and here.startswith(directory + os.sep)):
            return False
        return _is_ours(process.exe())
    except (psutil.Error, OSError):
        return False


def _is_ours(program: str) -> bool:
    """Whether a program belongs to this installation; Linux marks one that was replaced since as deleted."""
    path = program.removesuffix(" (deleted)")
    return path == os.path.realpath(sys.executable) or path.startswith(os.path.realpath(sys.prefix) + os.sep)


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
