"""nginx: the gateway."""

import os
import pwd
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path

import msgspec
import psutil

from deploy.local import binaries
from deploy.local.part import NotReady, Part, write_files
from deploy.local.trouble import Trouble
from infrastructure.nginx.render import Gateway, render

MOST_FILES = 8192


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """One nginx. `config` is the file it is started with; its state lies in `directory`."""

    name: str
    directory: Path
    config: Path
    gateway: Gateway

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, _, port = self.gateway.listen.rpartition(":")
        return host, int(port)


def part(server: Server) -> Part:
    """The server as a part."""
    words = ("-p", str(server.directory), "-c", str(server.config), "-e", "stderr", "-g", "daemon off;")
    return Part(
        name=server.name,
        command=(binaries.nginx(), *words),
        directory=server.directory,
        ports=(server.address[1],),
        ready=lambda: _ready(server),
        files={server.config: render(server.gateway)},
        stop_seconds=5,
    )


def this_user() -> str | None:
    """Whose workers nginx shall start: our own as root (its default could not read our directories), else no matter."""
    return pwd.getpwuid(0).pw_name if os.geteuid() == 0 else None


def open_files() -> int:
    """How many files a worker may open here."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)


def reload(server: Server, master: psutil.Process, *, drained: bool) -> None:
    """Gives a running nginx the configuration of `server`. Blocks until no new request is served by the old one and,
    if `drained`, until every request in hand is answered (at most the 30 seconds of `worker_shutdown_timeout`).

    Raises `Trouble` when nginx doesn't take the configuration; it goes on with the old one then.
    """
    changed = part(server)
    write_files(changed)
    tested = subprocess.run((*changed.command, "-t", "-q"), capture_output=True, text=True, check=False)
    if tested.returncode != 0:
        raise Trouble("nginx refused its new configuration.", log=tested.stderr)
    old = master.children()
    master.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 40
    while any(_is_answering(worker, drained=drained) for worker in old):
        if time.monotonic() > deadline:
            raise Trouble("nginx still works with its old configuration after 40 seconds.")
        time.sleep(0.02)


def _is_answering(worker: psutil.Process, *, drained: bool) -> bool:
    try:
        return worker.is_running() and (drained or "shutting down" not in " ".join(worker.cmdline()))
    except psutil.NoSuchProcess:
        return False


def _ready(server: Server) -> None:
    try:
        socket.create_connection(server.address, timeout=1).close()
    except ConnectionRefusedError as error:
        raise NotReady(f"no connections are accepted on port {server.address[1]}") from error
