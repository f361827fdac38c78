"""A load generator: keep-alive connections, one request in flight on each, no pause between them.

It is one thread around epoll, so that it can be given a core of its own, and it throws bodies away inside the
kernel (`MSG_TRUNC`), so that receiving large files costs it next to nothing. It runs as a process of its own:
`python -m tests.bench.load` takes a `Load` on standard input and answers with a `Heard`, both JSON.
"""

import os
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle

import msgspec

from tests.bench.machine import take_core
from tests.bench.spoilt import Spoilt
from tests.bench.stats import percentile

GRACE = 10.0
"""Seconds that an answer may take, and the process to start and to end."""

HEAD = 16 << 10
_SCRATCH = bytearray(1 << 20)
_DISCARD = socket.MSG_TRUNC if sys.platform == "linux" else 0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask: `requests`, whole HTTP/1.1 messages, in turn, for `seconds`. Each must be answered with `status`.

    With `stamp_at` no two are the same: from there on each has four random bytes.
    """

    port: int
    requests: list[bytes]
    status: int = 200
    connections: int = 32
    seconds: float
    core: int | None = None
    stamp_at: int | None = None


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `busy` is the share of its time that the generator computed: near 1 it was the limit.

    `p50` and `p99` are seconds from sending a request to having the whole answer.
    """

    answered: int
    seconds: float
    busy: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.answered / self.seconds


def get(path: str, headers: str = "") -> bytes:
    """A GET request; `headers` are whole lines, each with its line end."""
    return f"GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n".encode()


def generate(load: Load) -> Heard:
    """Runs a load in a process of its own and waits for it. Raises `Spoilt`."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        input=msgspec.json.encode(load),
        capture_output=True,
        timeout=load.seconds + 2 * GRACE,
        check=False,
    )
    if done.returncode != 0:
        raise Spoilt(done.stderr.decode().strip().rpartition("\n")[2])
    return msgspec.json.decode(done.stdout, type=Heard)


class Connection:
    """One connection and the request in flight on it."""

    __slots__ = ("_epoll", "_head", "_missing", "_socket", "_status", "_unsent", "started")

    def __init__(self, port: int, status: int, epoll: select.epoll) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=GRACE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._status = b" %d " % status
        self._epoll = epoll
        self.started = 0.0
        epoll.register(self._socket, select.EPOLLIN)

    def fileno(self) -> int:
        """The socket's file descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Closes the socket."""
        self._socket.close()

    def ask(self, request: bytes | bytearray, now: float) -> None:
        """Sends a request, at once as much of it as the socket takes."""
        self.started = now
        self._head = b""
        self._missing = -1
        self._unsent = memoryview(request)
        if self._push():
            self._epoll.modify(self._socket, select.EPOLLIN | select.EPOLLOUT)

    def hear(self, events: int) -> bool:
        """Goes on sending and receiving; true when the answer is whole. Raises `Spoilt`."""
        if events & select.EPOLLOUT and not self._push():
            self._epoll.modify(self._socket, select.EPOLLIN)
        if not events & ~select.EPOLLOUT:
            return False
        size = HEAD if self._missing < 0 else min(self._missing, len(_SCRATCH))
        got = self._socket.recv_into(_SCRATCH, size, 0 if self._missing < 0 else _DISCARD)
        if not got:
            raise Spoilt("the server closed a connection in the middle")
        if self._missing < 0:
            self._read_head(bytes(_SCRATCH[:got]))
        else:
            self._missing -= got
        return self._missing == 0

    def _push(self) -> int:
        """Sends what it can; gives the number of bytes left."""
        with suppress(BlockingIOError):
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        return len(self._unsent)

    def _read_head(self, data: bytes) -> None:
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            return
        if not self._head.startswith(self._status, 8):
            raise Spoilt(f"expected{self._status.decode()}, got {self._head[:300]!r}")
        length = _LENGTH.search(self._head, 0, end + 2)
        if length is None:
            raise Spoilt(f"an answer without a length: {self._head[:end]!r}")
        size = int(length[1])
        self._missing = size - (len(self._head) - end - 4)


def run(load: Load) -> Heard:
    """Runs a load in this process."""
    take_core(load.core)
    with select.epoll() as epoll:
        connections = [Connection(load.port, load.status, epoll) for _ in range(load.connections)]
        computed, begun = time.process_time(), time.perf_counter()
        latencies = _drive(epoll, connections, _requests(load), begun + load.seconds)
        seconds = time.perf_counter() - begun
        busy = (time.process_time() - computed) / seconds
    for connection in connections:
        connection.close()
    return Heard(
        answered=len(latencies),
        seconds=seconds,
        busy=busy,
        p50=percentile(latencies, 0.50),
        p99=percentile(latencies, 0.99),
    )


def _requests(load: Load) -> Iterator[bytes | bytearray]:
    if load.stamp_at is None:
        return cycle(load.requests)
    return (_stamped(request, load.stamp_at) for request in cycle(load.requests))


def _stamped(request: bytes, at: int) -> bytearray:
    stamped = bytearray(request)
    stamped[at : at + 4] = os.urandom(4)
    return stamped


def _drive(
    epoll: select.epoll, connections: list[Connection], requests: Iterator[bytes | bytearray], end: float
) -> list[float]:
    """Asks until `end`, then waits for the answers under way; gives how long each answer took."""
    known = {connection.fileno(): connection for connection in connections}
    latencies: list[float] = []
    for connection in connections:
        connection.ask(next(requests), time.perf_counter())
    in_flight = len(connections)
    while in_flight:
        ready = epoll.poll(GRACE)
        if not ready:
            raise Spoilt(f"no answer within {GRACE:.0f} s")
        for descriptor, events in ready:
            connection = known[descriptor]
            if not connection.hear(events):
                continue
            now = time.perf_counter()
            latencies.append(now - connection.started)
            if now < end:
                connection.ask(next(requests), now)
            else:
                in_flight -= 1
    return latencies


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(run(msgspec.json.decode(sys.stdin.buffer.read(), type=Load))))
