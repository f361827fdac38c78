"""A NATS server of a test's own, to be killed, hung, wiped and started again."""

import asyncio
import os
import secrets
import shutil
import signal
import socket
from pathlib import Path

import msgspec
import psutil

from deploy.local import binaries, ports
from deploy.local.part import Part, Running
from deploy.local.servers import nats
from tests.eventually import becomes
from tests.servers import run

PASSWORD = "not-to-be-seen"


class NatsServer:
    """A real server; its port stays the same over restarts."""

    def __init__(self, directory: Path, *, jetstream: bool = True) -> None:
        place = directory / f"nats-{secrets.token_hex(4)}"
        place.mkdir()
        (self.port,) = ports.choose(1)
        self._store = place / "run"
        self._log = place / "nats.log"
        server = nats.Server(name="nats", port=self.port, directory=self._store, password=PASSWORD)
        self.url = server.url
        self._part = nats.part(server) if jetstream else self._plain(nats.part(server))
        self._running: Running | None = None

    async def start(self) -> None:
        """Returns when it serves."""
        self._running = await asyncio.to_thread(run, self._part, self._log)

    def kill(self) -> None:
        """As by `kill -9`."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """As a restart for maintenance does."""
        self._end(signal.SIGTERM)

    def wipe(self) -> None:
        """Loses its disk; only while it is down."""
        shutil.rmtree(self._store)

    async def hang(self) -> None:
        """Stops answering without closing anything."""
        self._signal(signal.SIGSTOP)
        assert self._running
        process = psutil.Process(self._running.process.pid)
        await becomes(process.status, psutil.STATUS_STOPPED)

    def go_on(self) -> None:
        """Ends `hang`."""
        self._signal(signal.SIGCONT)

    def _end(self, number: int) -> None:
        if self._running:
            self._signal(number)
            self._running.process.wait()
            self._running = None

    def _signal(self, number: int) -> None:
        assert self._running
        os.kill(self._running.process.pid, number)

    def _plain(self, part: Part) -> Part:
        """The same without JetStream."""
        command = (binaries.nats(), "-a", "127.0.0.1", "-p", str(self.port), "--user", "chitram", "--pass", PASSWORD)
        return msgspec.structs.replace(part, command=command, ready=self._listens)

    def _listens(self) -> None:
        socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
