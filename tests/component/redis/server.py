"""A Valkey server of a test's own, to be killed, hung and started again."""

import asyncio
import os
import secrets
import signal
from pathlib import Path

import psutil

from deploy.local import ports
from deploy.local.part import Running
from deploy.local.servers import valkey
from tests.eventually import becomes
from tests.servers import run


class ValkeyServer:
    """A real server; its port stays the same over restarts, its memory does not."""

    def __init__(self, directory: Path) -> None:
        self._place = directory / f"valkey-{secrets.token_hex(4)}"
        self._place.mkdir()
        (port,) = ports.choose(1)
        config = self._place / "valkey.conf"
        server = valkey.Server(
            name="valkey", port=port, directory=self._place / "run", config=config, password="not-to-be-seen"
        )
        self.url = server.url
        self._part = valkey.part(server)
        self._running: Running | None = None

    async def start(self) -> None:
        """Returns when it serves."""
        self._running = await asyncio.to_thread(run, self._part, self._place / "valkey.log")

    def kill(self) -> None:
        """As by `kill -9`."""
        if self._running:
            self._signal(signal.SIGKILL)
            self._running.process.wait()
            self._running = None

    async def hang(self) -> None:
        """Stops answering without closing anything."""
        self._signal(signal.SIGSTOP)
        assert self._running
        await becomes(psutil.Process(self._running.process.pid).status, psutil.STATUS_STOPPED)

    def go_on(self) -> None:
        """Ends `hang`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._running
        os.kill(self._running.process.pid, number)
