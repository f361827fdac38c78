"""Becomes a part: `python -m deploy.local.launch FILE`.

What an earlier life of the part has left behind goes first: processes that still work in its
directory (they would hold its port or its data) and files that speak of them. Then this process
turns into the part's program, so that whoever supervises it sees the program itself. The supervisor starts this with
every restart, so it imports little.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from deploy.local import leftovers


def launch(file: Path) -> NoReturn:
    """Never returns. `file` is what `write` has written."""
    orders = json.loads(file.read_text())
    directory = Path(orders["directory"])
    directory.mkdir(parents=True, exist_ok=True)
    leftovers.end(leftovers.find(directory), wish=signal.Signals[f"SIG{orders['stop_signal']}"])
    for stale in (*(directory / name for name in orders["stale"]), *map(Path, orders["sockets"])):
        stale.unlink(missing_ok=True)
    os.chdir(directory)
    command = orders["command"]
    os.execvpe(command[0], command, os.environ | orders["environment"])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    launch(Path(sys.argv[1]))
