"""A stack that is mistreated: its processes, stores and replicas, each reachable for faults."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import asyncpg

from tests.chaos.history import NGINX
from tests.eventually import eventually
from tests.system.stack import Stack

SABOTAGE = Path(__file__).parent / "sabotage"
CALM = 180.0
"""Seconds that a stack may take to be well again after a fault."""

SHORT = {
    "CHITRAM_RECONCILE_AFTER": "5",
    "CHITRAM_ERASE_GRACE": "1",
    "CHITRAM_MOVE_GRACE": "5",
    "CHITRAM_SWEEP_EVERY": "5",
    "CHITRAM_SWEEP_GRACE": "20",
    "CHITRAM_REGISTRATIONS": "1000",
    "CHITRAM_LOGINS": "1000",
} | {
    f"CHITRAM_RATE_{kind}{who}": "0/60"
    for kind in ("READS", "CHANGES", "UPLOADS", "MEGAPIXELS")
    for who in ("", "_ANONYMOUS")
}
"""Waits that take minutes in production, and limits that many runs on one stack would reach."""


class ChaosStack(Stack):
    """A stack with failpoints that can be armed while it runs."""

    def __init__(self, directory: Path, sabotage: str = "", settings: Mapping[str, str] | None = None) -> None:
        """Nothing is started. `sabotage` names what is broken in it on purpose."""
        super().__init__(directory, settings=settings or {})
        self.failpoints = directory / "failpoints"
        self.failpoints.mkdir(exist_ok=True)
        self._environment = SHORT | {"CHITRAM_FAILPOINTS": str(self.failpoints)}
        if sabotage:
            self._environment |= {"CHITRAM_SABOTAGE": sabotage, "PYTHONPATH": str(SABOTAGE)}
        self.facts: dict[str, Any] = {}

    async def start(self, *options: str) -> None:
        """Brings it up."""
        done = await asyncio.to_thread(self.run, "up", "--port", str(self.port), *options, **self._environment)
        assert done.returncode == 0, done.stdout + done.stderr
        await self.look()

    async def look(self) -> dict[str, Any]:
        """What `chitram status --json` says now."""
        self.facts = await asyncio.to_thread(self.status)
        return self.facts

    async def command(self, *arguments: str) -> str:
        """Runs a command that has to succeed and gives what it says."""
        return await asyncio.to_thread(self.chitram, *arguments)

    def targets(self) -> Mapping[str, str]:
        """Base addresses: nginx, and each read service."""
        services = self.facts["endpoints"]["services"]
        return {NGINX: self.url} | {name: url for name, url in services.items() if name.startswith("read-")}

    async def pid(self, name: str) -> int | None:
        """Process id of a part, None while there is none."""
        for process in (await self.look())["processes"]:
            if process["name"] == name:
                return process["pid"]
        raise LookupError(name)

    async def kill(self, name: str) -> None:
        """`kill -9`; whoever supervises it starts it again."""
        if pid := await self.pid(name):
            os.kill(pid, signal.SIGKILL)

    @asynccontextmanager
    async def stopped(self, name: str) -> AsyncIterator[None]:
        """The part stands still (SIGSTOP) while the block runs."""
        pid = await self.pid(name)
        assert pid is not None, f"{name} doesn't run"
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @asynccontextmanager
    async def down(self, name: str) -> AsyncIterator[Path]:
        """The part is killed and stays away while the block runs; gives its directory."""
        await self._supervise("signal", "KILL", name)
        await self._supervise("stop", name)
        try:
            yield self.directory / ".chitram" / "run" / name
        finally:
            await self._supervise("start", name)

    async def _supervise(self, *words: str) -> None:
        config = (self.directory / ".chitram" / "supervisor" / "supervisor.conf").read_text()
        path = next(line for line in config.splitlines() if line.startswith("file=")).removeprefix("file=")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "supervisor.supervisorctl", "-s", f"unix://{path}", *words),
            cwd=self.directory,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0 or b"ERROR (not running)" in said, said.decode()

    @asynccontextmanager
    async def armed(self, name: str, plan: str) -> AsyncIterator[None]:
        """The process has these failpoints while the block runs."""
        file = self.failpoints / name
        file.write_text(plan)
        try:
            yield
        finally:
            file.unlink()

    def log(self, name: str) -> str:
        """What a part has said lately."""
        return (self.directory / ".chitram" / "logs" / f"{name}.log").read_text(errors="replace")

    def visits(self, name: str, place: str) -> int:
        """How often a failpoint has done something in a process so far."""
        return self.log(name).count(f"failpoint {place}: ")

    @asynccontextmanager
    async def postgres(self, server: str = "") -> AsyncIterator[Any]:
        """A superuser's connection: to the primary, or to the server at the address of one of `replicas`."""
        services = urlsplit(server or self.facts["endpoints"]["postgres"]["primary"])
        secrets = json.loads((self.directory / ".chitram" / "credentials.json").read_text())
        user = f"postgres:{quote(secrets['postgres_superuser'], safe='')}"
        address = services._replace(netloc=f"{user}@{services.hostname}:{services.port}").geturl()
        connection = await asyncpg.connect(address, timeout=30, command_timeout=30)
        try:
            yield connection
        finally:
            await connection.close()

    @property
    def replicas(self) -> list[str]:
        """Addresses of the replicas."""
        return self.facts["endpoints"]["postgres"]["replicas"]

    async def calm(self) -> None:
        """Returns when every process runs and says that it is ready."""
        await eventually(self._is_calm, within=CALM)

    async def _is_calm(self) -> None:
        services = self.facts["endpoints"]["services"].values()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            for url in (f"{self.url}/health", *(f"{service}/health/ready" for service in services)):
                status, said = await _ask(session, url)
                assert status == 200, f"{url}: {status} {said}"
        states = {process["name"]: process["state"] for process in (await self.look())["processes"]}
        assert set(states.values()) == {"running"}, f"not running: {states}"


async def _ask(session: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    try:
        async with session.get(url) as answer:
            return answer.status, await answer.text()
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        return 0, repr(error)
