"""Reads, from one replica at a time out of several, each answer with the position it is as of.

A replica that crashed, or was restored, may come back behind what it has said before. So a position counts for the life
of a server in which it was said, and a connection tells lives apart, because none outlasts its server's: what was found
out over a connection holds for it; what was found out over another one holds if that was asked after this one was made,
for then both were there at the same time. Only a pooler between here and the server would make that untrue.

A server that is not in recovery (a replica that was promoted, or the primary itself) writes a commit into its log a
moment before anybody can see it. Its position is counted as one less than what it has flushed. Whoever names a position
for a change reads the log's end for it when the change can be seen already; if he read less than what was flushed
when it was asked here, he did so before, for that end only grows.
"""

import asyncio
import contextlib
import dataclasses
import itertools
import logging
from collections.abc import AsyncIterator
from typing import Any, NamedTuple, cast

import asyncpg

from contracts.errors import Unavailable
from infrastructure.postgres.config import ReplicaConfig
from infrastructure.postgres.connection import GRACE, Connection, Connector, Rows, fetch, reach, server_settings
from infrastructure.postgres.errors import NoAnswer, NotReady, Undone, Unreachable
from infrastructure.postgres.hosts import server_name
from infrastructure.postgres.pool import Pool, close_pool, give_back, in_use, open_pool, prove_schema, take
from infrastructure.telemetry import metrics

ATTEMPTS = 3
"""How often a read is tried: one replica may have been left just before the next one fails."""

PAUSE = 0.5
"""Seconds without a new search after one in which no replica answered, so that callers fail at once."""

SCHEMA_PATIENCE = 5.0
"""Seconds that a replica gets at the start to replay migrations which the primary has already applied."""

logger = logging.getLogger(__name__)


class Look(NamedTuple):
    """How far a replica has replayed, and which events it has replayed for certain: those of `stream` (when this was
    made; None: not known) up to `sequence`.
    """

    position: int
    stream: str | None
    sequence: int


_moments = itertools.count(1)
"""Numbers in the order in which things happen in this process."""


class Sighted(asyncpg.Connection):
    """A connection that remembers when it was made, and how far its server had replayed then."""

    made: int
    position: int


@dataclasses.dataclass
class _Seat:
    """A replica in use. `position` is how far it had replayed when it was asked last, which was at `moment`."""

    address: str
    pool: Pool
    connector: Connector
    position: int = 0
    moment: int = 0

    def as_of(self, connection: Sighted) -> int:
        """How far the server at the other end of a connection has replayed for certain."""
        is_of_that_life = connection.made < self.moment
        return max(connection.position, self.position) if is_of_that_life else connection.position


@contextlib.asynccontextmanager
async def open_replica(config: ReplicaConfig, first: int = 0) -> AsyncIterator["Replica"]:
    """Reads from the first replica that answers, beginning with number `first`, so that readers can spread.

    Raises NotReady when none answers, or when the one that does has too old a schema.
    """
    replica = Replica(config, await _sit_down(config, _ring(config.replicas, first)))
    metrics.db_connections_active.labels("replica").set_function(lambda: replica.connections_in_use)
    try:
        await _await_schema(replica)
        yield replica
    finally:
        await replica.close()


def _ring(addresses: tuple[str, ...], first: int) -> tuple[str, ...]:
    """All addresses in their order, beginning with number `first` (counted on past the end)."""
    start = first % len(addresses)
    return addresses[start:] + addresses[:start]


class Replica:
    """One replica at a time: it is left for the next one when it doesn't answer.

    After a move reads may see an older state than before it: replicas lag, each as it likes.
    """

    def __init__(self, config: ReplicaConfig, seat: _Seat) -> None:
        """`seat` is the replica to begin with."""
        self._config = config
        # Long enough for those ahead in the line to find out that the replica hangs; then all move on together.
        self._wait = config.read_timeout + GRACE + config.connect_timeout
        self._seat = seat
        self._moving = asyncio.Lock()
        self._no_search_before = 0.0

    @property
    def name(self) -> str:
        """`host:port` of the replica in use."""
        return server_name(self._seat.address)

    @property
    def addresses(self) -> tuple[str, ...]:
        """All replicas that reads may go to, in their order, each with its password."""
        return self._config.replicas

    @property
    def connections_in_use(self) -> int:
        """How many connections are busy at the moment."""
        return in_use(self._seat.pool)

    @property
    def position(self) -> int:
        """How far the replica in use had replayed when it was asked last (`look`); 0 before."""
        return self._seat.position

    async def fetch(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        """The rows of `read`."""
        return (await self.read(statement, *arguments)).rows

    async def read(self, statement: str, *arguments: object) -> Rows:
        """Runs a statement that only reads, and again, `ATTEMPTS` times in all, elsewhere if it must be.

        The answer is as of the position that the replica which gave it was known to have before it was asked.
        Raises Unavailable when no replica answers, when the server gives the statement up, or when all
        connections stay busy.
        """
        _, rows = await self._read(statement, *arguments)
        return rows

    async def _read(self, statement: str, *arguments: object) -> tuple[_Seat, Rows]:
        for _ in range(ATTEMPTS - 1):
            seat = self._seat
            try:
                return seat, await _read_at(seat, self._wait, statement, *arguments)
            except Undone:
                pass  # replay stood in need of what the query was reading, or the connection had just been closed
            except (NoAnswer, Unreachable) as error:
                await self._leave(seat, error)
        seat = self._seat
        return seat, await _read_at(seat, self._wait, statement, *arguments)

    async def _leave(self, seat: _Seat, error: Unavailable) -> None:
        """Moves to another replica, once for all the reads that `seat` has failed."""
        async with self._moving:
            if self._seat is not seat:
                return
            loop = asyncio.get_running_loop()
            if loop.time() < self._no_search_before:
                raise error
            others = _ring(self._config.replicas, self._config.replicas.index(seat.address) + 1)
            try:
                self._seat = await _sit_down(self._config, others)
            except NotReady as reason:
                self._no_search_before = loop.time() + PAUSE
                raise Unavailable from reason
            logger.warning("reads moved from %s to %s: %r", server_name(seat.address), self.name, error.__cause__)
            # Reads that are still waiting for the old one, or for a connection to it, fail now, and follow.
            seat.connector.give_up()
            seat.pool.terminate()

    async def ping(self) -> None:
        """Returns when the replica in use, or another, has answered. Raises Unavailable."""
        await self.fetch("SELECT 1")

    async def check(self, address: str) -> None:
        """Returns when the replica at `address` has taken a connection, whichever is in use. Raises Unavailable."""
        await reach(address)

    async def look(self) -> Look:
        """How far the replica in use is, which may be less than it was before. Raises Unavailable."""
        moment = next(_moments)
        seat, found = await self._read(f"SELECT {_POSITION}, stream_made, last_sequence FROM heartbeat")  # noqa: S608
        look = Look(*found.rows[0])
        seat.position, seat.moment = look.position, moment
        return look

    async def close(self) -> None:
        """Ends all connections."""
        await close_pool(self._seat.pool)


async def _read_at(seat: _Seat, wait: float, statement: str, *arguments: object) -> Rows:
    connection = await take(seat.pool, wait)
    as_of = seat.as_of(cast("Sighted", connection))  # what the pool lends stands for it
    try:
        return Rows(await fetch(connection, statement, *arguments), as_of)
    finally:
        await give_back(seat.pool, connection)


async def _sit_down(config: ReplicaConfig, addresses: tuple[str, ...]) -> _Seat:
    """The first of `addresses` that answers. Raises NotReady with what was wrong with each."""
    problems = []
    for address in addresses:
        connector = Connector(
            (address,),
            timeout=config.connect_timeout,
            command_timeout=config.read_timeout + GRACE,
            server_settings=server_settings({"statement_timeout": config.read_timeout}),
        )
        try:
            pool = await open_pool(connector, config.pool_size, kind=Sighted, begin=_begin)
            return _Seat(address, pool, connector)
        except ConnectionError as error:
            problems.append(str(error))
        except Unavailable as error:
            problems.append(f"{server_name(address)}: {error.__cause__!r}")
    raise NotReady(f"No Postgres replica answers: {'; '.join(problems)}")


async def _begin(connection: Any) -> None:
    """Called by the pool with each new connection: nothing is known yet of the server that it leads to."""
    connection.made = next(_moments)
    rows = await fetch(cast("Connection", connection), f"SELECT {_POSITION}")
    connection.position = rows[0][0]


_POSITION = """
(CASE
    WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_replay_lsn() - '0/0', 0)
    ELSE (pg_current_wal_flush_lsn() - '0/0') - 1
END)::bigint
"""


async def _await_schema(replica: Replica) -> None:
    deadline = asyncio.get_running_loop().time() + SCHEMA_PATIENCE
    while True:
        try:
            return await prove_schema(replica.fetch)
        except NotReady:
            if asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(0.05)
