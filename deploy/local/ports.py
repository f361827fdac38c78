"""Free TCP ports on the loopback address.

Between the choice of a port and the moment when its server listens there, somebody else may choose the same. So
every choice is noted for some minutes in a file that all stacks and test runs of a user share.
"""

import errno
import fcntl
import json
import os
import random
import socket
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

HOST = "127.0.0.1"

FIRST, LAST = 20_000, 32_000
"""Ports below the range from which systems take the ports of outgoing connections (32768 on
Linux, 49152 elsewhere), so that a port we remember is not taken by a passing connection."""

NOTED = 180.0
"""Seconds for which a choice is noted."""


def notes() -> Path:
    """The file with the choices of this user."""
    return Path(tempfile.gettempdir()) / f"chitram-ports-{os.getuid()}.json"


def is_free(port: int, host: str = HOST) -> bool:
    """Whether a server could listen on `port` now. Raises `PermissionError` where the system forbids it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections that linger after their server's end don't count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def choose(
    count: int,
    *,
    avoid: Collection[int] = (),
    keep: Collection[int] = (),
    source: random.Random | None = None,
    file: Path | None = None,
) -> tuple[int, ...]:
    """`count` free ports, at random, none of them in `avoid` or chosen by anybody else just now.

    Ports in `keep` are noted with them, for a caller who has those already. Raises `OSError` when
    there are not so many.
    """
    with _noted(file or notes()) as noted:
        candidates = [port for port in range(FIRST, LAST) if port not in noted and port not in {*avoid, *keep}]
        (source or random.SystemRandom()).shuffle(candidates)
        found: list[int] = []
        while candidates and len(found) < count:
            port = candidates.pop()
            if is_free(port):
                found.append(port)
        if len(found) < count:
            raise OSError(errno.EADDRINUSE, f"fewer than {count} free ports between {FIRST} and {LAST}")
        noted.update(dict.fromkeys((*found, *keep), time.time()))
    return tuple(found)


@contextmanager
def _noted(file: Path) -> Iterator[dict[int, float]]:
    """Ports chosen lately and when; what the block adds is written. Nobody else reads or writes meanwhile."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "r+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        oldest = time.time() - NOTED
        noted = {int(port): when for port, when in _parsed(handle.read()).items() if when > oldest}
        yield noted
        handle.seek(0)
        handle.truncate()
        json.dump(noted, handle)


def _parsed(text: str) -> dict[str, float]:
    try:
        return dict(json.loads(text or "{}"))
    except ValueError:  # cut short by a full disk; notes are a courtesy
        return {}
