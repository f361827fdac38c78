"""Postgres servers that a test may stop, hang, restart and promote."""

import signal
import subprocess
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import asyncpg
import psutil

from deploy.local import binaries, ports
from deploy.local.part import Running, start, wait_ready
from deploy.local.servers import postgres
from tests.borrowed import TEMPLATE
from tests.eventually import eventually
from tests.servers import sql

PASSWORDS = postgres.Passwords("of-postgres", "of-chitram", "of-replicator")


class Server:
    """One server with a directory and a port of its own, which it keeps over restarts."""

    def __init__(self, directory: Path, name: str, port: int, *, follows: int | None = None) -> None:
        """`directory` is for all servers that belong together; `follows` is the primary's port."""
        data, config = directory / name, directory / f"{name}.conf"
        self.facts = postgres.Server(
            name=name, port=port, data=data, config=config, passwords=PASSWORDS, follows=follows, durable=False
        )
        self.port = port
        self._running: Running | None = None

    @property
    def name(self) -> str:
        """What the room calls it."""
        return f"127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        """Connection string of its migrated database, for the services' role."""
        return self.facts.url(TEMPLATE)

    def start(self) -> None:
        """Returns when it answers. Does nothing when it runs."""
        if self._running is None or self._running.process.poll() is not None:
            self._running = start(postgres.part(self.facts), self.facts.config.with_suffix(".log"))
            wait_ready(self._running)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stops it: SIGINT ends its connections in an orderly way, SIGQUIT is a crash."""
        assert self._running is not None
        self._running.process.send_signal(how)
        self._running.process.wait(timeout=30)

    def kill(self) -> None:
        """Kills all its processes at once, as the end of a machine would."""
        processes = self._processes()
        _each(processes, psutil.Process.kill)
        psutil.wait_procs(processes, timeout=30)

    def hang(self) -> None:
        """Stops its processes where they are: connections stay open and nothing answers."""
        _each(self._processes(), psutil.Process.suspend)

    def resume(self) -> None:
        """Lets them go on."""
        _each(self._processes(), psutil.Process.resume)

    def _processes(self) -> list[psutil.Process]:
        assert self._running is not None
        if self._running.process.poll() is not None:
            return []
        postmaster = psutil.Process(self._running.process.pid)
        return [postmaster, *postmaster.children(recursive=True)]

    def sql(self, script: str, database: str = TEMPLATE) -> str:
        """Runs a script as superuser and gives what it prints."""
        return sql(self.facts, script, database).strip()

    async def ask(self, statement: str, *arguments: object) -> object:
        """Runs a statement in its migrated database, as the services' role, and gives the first value."""
        connection = await asyncpg.connect(self.address, timeout=60)
        try:
            return await connection.fetchval(statement, *arguments)
        finally:
            await connection.close()

    async def caught_up(self, lsn: str) -> None:
        """Returns when this standby has replayed up to a position."""

        async def replayed() -> None:
            assert await self.ask("SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", lsn)

        await eventually(replayed)

    def remove(self) -> None:
        """Ends it, whatever state it is in."""
        self.resume()
        self.stop(signal.SIGQUIT)


def _each(processes: Iterable[psutil.Process], act: Callable[[psutil.Process], None]) -> None:
    """Does it to all that are still there: a connection's process may end at any moment."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            act(process)


class Cluster(NamedTuple):
    """A primary and two streaming standbys."""

    primary: Server
    standbys: tuple[Server, Server]

    @property
    def servers(self) -> tuple[Server, ...]:
        """All three, the primary first."""
        return (self.primary, *self.standbys)

    async def heal(self) -> None:
        """Puts right what a test has done to them, short of a promotion."""
        for server in self.servers:
            server.resume()
            server.start()
        for standby in self.standbys:
            standby.sql("ALTER SYSTEM RESET ALL; SELECT pg_reload_conf(); SELECT pg_wal_replay_resume();")
            await standby.caught_up(self.primary.sql("SELECT pg_current_wal_lsn()"))

    def remove(self) -> None:
        """Ends all three."""
        for server in self.servers:
            server.remove()


def make_cluster(directory: Path) -> Cluster:
    """A running primary with a migrated database, and two running standbys."""
    first, second, third = ports.choose(3)
    primary = Server(directory, "primary", first)
    standbys = (
        Server(directory, "standby-1", second, follows=first),
        Server(directory, "standby-2", third, follows=first),
    )
    postgres.create(primary.facts)
    primary.start()
    postgres.prepare(primary.facts)
    primary.sql(f"CREATE DATABASE {TEMPLATE} OWNER chitram", "postgres")
    postgres.migrate(primary.facts, TEMPLATE)
    for standby in standbys:
        postgres.copy(standby.facts)
        standby.start()
    return Cluster(primary, standbys)


def dbmate(address: str, command: str) -> None:
    """Runs dbmate on a database: `up` applies all migrations, `down` takes back the last."""
    options = (f"--url={address}?sslmode=disable", f"--migrations-dir={postgres.MIGRATIONS}", "--no-dump-schema")
    subprocess.run((binaries.dbmate(), *options, command), check=True, capture_output=True, timeout=60)
