"""The real system, started for the measurements and thrown away after them."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote, urlsplit

import asyncpg
import httpx
import msgspec
import psutil

from deploy.local.layout import Layout
from deploy.local.ports import choose
from tests.bench.machine import with_children
from tests.bench.spoilt import Spoilt

CHITRAM = str(Path(sys.executable).with_name("chitram"))
DEADLINE = 60.0
"""Seconds that anything awaited here may take."""


class Process(msgspec.Struct, frozen=True):
    """A part of the stack, as `chitram status --json` tells."""

    name: str
    pid: int
    port: int | None


class Status(msgspec.Struct, frozen=True):
    """What `chitram status --json` answers, as far as it matters here."""

    url: str
    processes: tuple[Process, ...]


class Stack:
    """A running stack with one process of each service."""

    def __init__(self, directory: Path) -> None:
        """`directory` is where it was started."""
        self._directory = directory
        self._layout = Layout(directory / ".chitram")
        self._look()

    def _look(self) -> None:
        told = subprocess.run(
            (CHITRAM, "-C", str(self._directory), "status", "--json"), capture_output=True, check=True
        )
        status = msgspec.json.decode(told.stdout, type=Status)
        self._processes = {process.name: process for process in status.processes}
        self.url = status.url

    @property
    def port(self) -> int:
        """Port of nginx."""
        return urlsplit(self.url).port or 80

    def port_of(self, name: str) -> int:
        """Port of one process. Raises `KeyError`."""
        return self._processes[name].port or 0

    def pids(self, name: str) -> list[int]:
        """Process ids of a part and of all that it started."""
        return with_children(self._processes[name].pid)

    def scale(self, readers: int) -> list[int]:
        """Runs so many read services and gives their ports."""
        _chitram(self._directory, "scale", f"read={readers}")
        self._look()
        return [self.port_of(f"read-{number}") for number in range(1, readers + 1)]

    def environment(self, name: str) -> dict[str, str]:
        """The environment that a process was started with: where its servers are, and their keys."""
        return psutil.Process(self._processes[name].pid).environ()

    def on_replicas(self, statement: str) -> None:
        """Runs a statement on each replica, as its superuser."""
        secret = msgspec.json.decode(self._layout.credentials.read_bytes())["postgres_superuser"]
        for address in self.environment("read-1")["CHITRAM_POSTGRES_REPLICAS"].split(","):
            parts = urlsplit(address)
            netloc = f"postgres:{quote(secret, safe='')}@{parts.hostname}:{parts.port}"
            asyncio.run(_execute(parts._replace(netloc=netloc).geturl(), statement))

    def metric(self, name: str, prefix: str) -> float:
        """Sum of a process's series that begin with `prefix`."""
        text = httpx.get(f"http://127.0.0.1:{self.port_of(name)}/metrics").raise_for_status().text
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(prefix))

    def serve_statically(self, directory: Path) -> int:
        """Makes the same nginx, with the same settings, serve the files of a directory too; gives the port where.

        From now on nginx has one worker, so that there is one process to give a core to.
        """
        (port,) = choose(1)
        config = self._layout.config("nginx.conf")
        http, brace, rest = config.read_text().rpartition("}")
        text = f"{http}server {{ listen 127.0.0.1:{port}; root {directory}; }}\n{brace}{rest}"
        config.write_text(re.sub(r"worker_processes \w+", "worker_processes 1", text))
        master = psutil.Process(self._processes["nginx"].pid)
        old = master.children()
        master.send_signal(signal.SIGHUP)
        until(lambda: answers(port) and not any(worker.is_running() for worker in old), "nginx serves the files")
        return port

    def pause(self, name: str) -> None:
        """Stops a part where it is; it goes on when the stack is stopped, or with `resume`."""
        for pid in self.pids(name):
            os.kill(pid, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Lets a paused part go on."""
        for pid in self.pids(name):
            os.kill(pid, signal.SIGCONT)


async def _execute(address: str, statement: str) -> None:
    connection = await asyncpg.connect(address)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@contextmanager
def started(say: Callable[[str], None]) -> Iterator[Stack]:
    """A fresh stack below `build/`, with one process of each service; gone at the end. Takes about 20 s."""
    Path("build").mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="bench-", dir="build") as name:
        directory = Path(name).absolute()
        say("starting the stack")
        try:
            _chitram(directory, "up", "--read", "1", "--write", "1", "--worker", "1", "--port", str(choose(1)[0]))
            yield Stack(directory)
        finally:
            say("stopping the stack")
            _chitram(directory, "down")


@contextmanager
def running(*command: str) -> Iterator[int]:
    """One more process of our own; gives its pid.

    It has a session of its own as the parts of the stack have, because Linux shares a busy machine out by session.
    """
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            yield process.pid
        finally:
            process.terminate()


def until(is_so: Callable[[], bool], what: str) -> None:
    """Waits for something to become true. Raises `Spoilt` when it does not."""
    end = time.monotonic() + DEADLINE
    while not is_so():
        if time.monotonic() > end:
            raise Spoilt(f"not within {DEADLINE:.0f} s: {what}")
        time.sleep(0.05)


def answers(port: int) -> bool:
    """Whether something speaks HTTP there."""
    try:
        httpx.get(f"http://127.0.0.1:{port}/", timeout=1)
    except httpx.TransportError:
        return False
    return True


def _chitram(directory: Path, *words: str) -> None:
    """Runs the command there; settings of the caller's own stack are kept out of it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CHITRAM_")}
    command = (CHITRAM, "-C", str(directory), *words)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Spoilt(f"chitram {words[0]} failed:\n{done.stdout}{done.stderr}")
