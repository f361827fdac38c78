"""A part: one process of the stack, as data, and how to start it and wait for it without a supervisor."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from deploy.local import unprivileged
from deploy.local.trouble import Trouble


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One process and all that is needed to run it.

    `directory` is its working directory and no other part's: that is how its processes are
    recognised when whoever started them is gone. `ready` raises `NotReady` until the part serves.
    `files` are written, for their owner only, before it starts. `stop_signal` asks it to end well,
    `stop_seconds` is how long that may take before it is killed. `stale` are files in its directory, `sockets`
    files elsewhere, that mean nothing once none of its processes runs. `unprivileged` parts never run as root.
    """

    name: str
    command: tuple[str, ...]
    directory: Path
    ports: tuple[int, ...]
    ready: Callable[[], None]
    environment: dict[str, str] = {}
    files: dict[Path, str] = {}
    stale: tuple[str, ...] = ()
    sockets: tuple[Path, ...] = ()
    unprivileged: bool = False
    stop_signal: str = "TERM"
    stop_seconds: int = 10


class NotReady(Exception):
    """The part does not serve yet; the text says what was tried."""


class Running(NamedTuple):
    """A part and its process."""

    part: Part
    process: subprocess.Popen[bytes]
    log: Path


def write_files(part: Part) -> None:
    """Writes a part's files; they may hold secrets, so only their owner can read them."""
    for path, text in part.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text)
        if part.unprivileged:
            unprivileged.give(path)


def start(part: Part, log: Path) -> Running:
    """Starts a part as a child process whose output is added to the file `log`."""
    part.directory.mkdir(parents=True, exist_ok=True)
    write_files(part)
    with log.open("ab") as output:
        process = subprocess.Popen(
            part.command,
            cwd=part.directory,
            env=os.environ | part.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Running(part, process, log)


def wait_ready(running: Running, *, seconds: float = 30.0) -> None:
    """Blocks until the part serves. Raises `Trouble` with the end of its log when it ends or takes longer."""
    wait(running.part, seconds=seconds, log=running.log, alive=lambda: running.process.poll() is None)


def wait(part: Part, *, seconds: float, log: Path, alive: Callable[[], bool]) -> None:
    """As `wait_ready`, for a process that somebody else has started: `alive` tells whether it still runs."""
    deadline = time.monotonic() + seconds
    look = 0.0
    while True:
        try:
            return part.ready()
        except (NotReady, OSError) as error:
            last = error
        now = time.monotonic()
        if now > look:
            look = now + 0.2
            if not alive():
                raise Trouble(f"{part.name} ended while it was starting.", log=tail(log), way_out=_whole(log))
        if now > deadline:
            sentence = f"{part.name} was not ready after {seconds:.0f} seconds: {last}"
            raise Trouble(sentence, log=tail(log), way_out=_whole(log))
        time.sleep(0.02)


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log file, indented; empty when there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 64 * 1024))
        text = file.read().decode(errors="replace")
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


def _whole(log: Path) -> str:
    return f"Its whole log is {log}."
