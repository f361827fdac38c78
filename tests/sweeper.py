"""Ends what a test run leaves behind: `python -m tests.sweeper PID DIRECTORY`.

Waits for the process PID to end, however it ends, then ends every process that works below the
directory, and removes it and the sockets that files named `*.sockets` in it list.
"""

import shutil
import signal
import sys
from pathlib import Path

import psutil

from deploy.local import leftovers
from tests import official


def sweep(directory: Path) -> None:
    """Ends every process of ours that works below `directory`, those that are just being started too; removes it."""
    official.remove(directory)
    while left := leftovers.find(directory, below=True):
        leftovers.end(left, wish=signal.SIGKILL)
    for listing in directory.rglob("*.sockets"):
        for socket in listing.read_text().splitlines():
            Path(socket).unlink(missing_ok=True)
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    run, place = int(sys.argv[1]), Path(sys.argv[2])
    if psutil.pid_exists(run):
        psutil.Process(run).wait()
    sweep(place)
