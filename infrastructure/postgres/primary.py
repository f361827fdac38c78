"""The server that takes writes, and what a transaction's end means."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar, cast

import asyncpg

from contracts.errors import OutcomeUnknown, Unavailable
from infrastructure.failpoints import failpoint
from infrastructure.postgres.config import PrimaryConfig
from infrastructure.postgres.connection import (
    CHECK_TIMEOUT,
    GRACE,
    Connection,
    Connector,
    Rows,
    fetch,
    is_lost,
    reach,
    server_settings,
    terminate,
)
from infrastructure.postgres.errors import DRIVER_ERRORS, NoAnswer, NotReady, Undone, Unreachable, translate
from infrastructure.postgres.hosts import each_host
from infrastructure.postgres.pool import Pool, borrow, close_pool, in_use, open_pool, prove_schema
from infrastructure.postgres.watch import Watch
from infrastructure.telemetry import metrics

T = TypeVar("T")

CHANNEL = "outbox"
"""Where the primary says that something was committed for the relay."""

logger = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def open_primary(config: PrimaryConfig, *, required: bool = True) -> AsyncIterator["Primary"]:
    """A pool on the server that takes writes. Raises NotReady when there is none or its schema is too old.

    Where it is not `required` nothing is asked at the start, and the server is used whenever it is there.
    """
    hosts = each_host(config.primary)
    connector = _connector(hosts, config)
    direct = _connector(each_host(config.direct), config) if config.direct else None
    try:
        pool = await open_pool(connector, config.pool_size, made=int(required))
    except DRIVER_ERRORS as error:
        raise NotReady(f"No Postgres server takes writes: {error}") from error
    watch = Watch(lambda: check_primary(config.primary, within=config.connect_timeout))
    # A connection may have to be looked for at every host before one answers.
    primary = Primary(pool, watch, wait=config.connect_timeout * len(hosts) + 1.0, direct=direct)
    metrics.db_connections_active.labels("primary").set_function(lambda: primary.connections_in_use)
    watching = asyncio.create_task(watch.run())
    try:
        if required:
            await prove_schema(primary.fetch)
        yield primary
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        await close_pool(pool)


def _connector(hosts: tuple[str, ...], config: PrimaryConfig) -> Connector:
    return Connector(
        hosts,
        timeout=config.connect_timeout,
        command_timeout=config.statement_timeout + GRACE,
        target_session_attrs="read-write",
        server_settings=server_settings(
            {
                "lock_timeout": config.lock_timeout,
                "statement_timeout": config.statement_timeout,
                "idle_in_transaction_session_timeout": config.idle_transaction_timeout,
            }
        ),
        **({} if config.prepared else {"statement_cache_size": 0}),
    )


async def check_primary(address: str, *, within: float = CHECK_TIMEOUT) -> None:
    """Returns when one of the hosts takes a connection and writes, for who has no other business with the primary.

    All are asked at once, so that one that hangs costs the others no time. Raises Unavailable `within` seconds.
    """
    asked = (reach(host, within=within, target_session_attrs="read-write") for host in each_host(address))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    if None not in answers:
        raise Unavailable


class Primary:
    """The server that takes writes, whichever of the configured hosts it is at the moment.

    Its methods raise Unavailable when a connection can't be had or the server can't do what is asked, and
    OutcomeUnknown when a commit was sent and no answer came.
    """

    def __init__(self, pool: Pool, watch: Watch, *, wait: float, direct: Connector | None = None) -> None:
        """`wait` is how many seconds a caller may stand in line for a connection; `direct` leads past a pooler."""
        self._pool = pool
        self._watch = watch
        self._wait = wait
        self._direct = direct

    @property
    def connections_in_use(self) -> int:
        """How many connections somebody has borrowed at the moment."""
        return in_use(self._pool)

    @contextlib.asynccontextmanager
    async def borrow(self) -> AsyncIterator[Connection]:
        """A connection for a while. Raises Unavailable when none can be had: at once while no server takes writes."""
        if self._watch.is_down:
            raise Unavailable
        try:
            async with borrow(self._pool, self._wait) as connection:
                yield connection
        except (Unreachable, NoAnswer, OutcomeUnknown):
            self._watch.doubt()
            raise
        self._watch.hear()

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[Connection]:
        """A connection to the server itself that keeps its session, past a pooler if there is one.

        Raises Unavailable when none can be had.
        """
        if self._direct is None:
            async with self.borrow() as connection:
                yield connection
            return
        try:
            alone = cast("Connection", await self._direct())
        except DRIVER_ERRORS as error:
            raise Unreachable from error
        try:
            yield alone
        finally:
            terminate(alone)

    async def fetch(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        """Runs one statement by itself."""
        async with self.borrow() as connection:
            return await fetch(connection, statement, *arguments)

    async def ask(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        """Runs one statement that only reads, on a new connection if need be."""
        return await self._twice(lambda: self.fetch(statement, *arguments), repeatable=(NoAnswer, Undone))

    async def read(self, statement: str, *arguments: object) -> Rows:
        """What `ask` gives, as a replica's `read` would.

        It sees all that was committed before it. Of no position can that be said here: a commit has one a moment
        before it can be seen.
        """
        return Rows(await self.ask(statement, *arguments), 0)

    async def position(self) -> int:
        """A position in the log not before any commit that was answered before this was called."""
        rows = await self.ask("SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint")
        return int(rows[0][0])

    async def ping(self) -> None:
        """Returns when the server has answered. Raises Unavailable."""
        await self.ask("SELECT 1")

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction that commits at the end of the block, and is undone when the block raises."""
        async with self.borrow() as connection, in_transaction(connection):
            yield connection

    async def transact(self, work: Callable[[Connection], Awaitable[T]]) -> tuple[T, str]:
        """Runs `work` in one transaction; gives its result and a WAL position not before the commit's.

        `work` is run a second time when the connection broke, or the server undid the transaction, before
        the commit was sent.
        """
        return await self._twice(lambda: self._transact(work), repeatable=(NoAnswer, Undone))

    async def _transact(self, work: Callable[[Connection], Awaitable[T]]) -> tuple[T, str]:
        async with self.borrow() as connection:
            async with in_transaction(connection):
                result = await work(connection)
            return result, await _announce(connection)

    async def write(self, statement: str, *arguments: object) -> tuple[list[asyncpg.Record], str]:
        """Runs one statement that is a transaction by itself; gives its rows and a WAL position not before its commit.

        Sending it is sending its commit, so a connection that breaks meanwhile means OutcomeUnknown.
        """
        return await self._twice(lambda: self._write(statement, *arguments), repeatable=(Undone,))

    async def _write(self, statement: str, *arguments: object) -> tuple[list[asyncpg.Record], str]:
        async with self.borrow() as connection:
            await failpoint("primary.before_commit")
            try:
                rows = await fetch(connection, statement, *arguments)
                await failpoint("primary.after_commit")
            except (NoAnswer, ConnectionResetError) as error:
                raise OutcomeUnknown from error
            return rows, await _announce(connection)

    async def _twice(self, attempt: Callable[[], Awaitable[T]], *, repeatable: tuple[type[Unavailable], ...]) -> T:
        try:
            return await attempt()
        except repeatable as error:
            logger.warning("a transaction is repeated: %r", error.__cause__)
            # Whatever broke this connection, a restart or a promotion, may have left the others useless too.
            await self._pool.expire_connections()
            return await attempt()


@contextlib.asynccontextmanager
async def in_transaction(connection: Connection, begin: str = "BEGIN") -> AsyncIterator[None]:
    """A transaction on a connection, committed at the end of the block, and undone when the block raises.

    Raises OutcomeUnknown when the commit was sent and no answer came.
    """
    await fetch(connection, begin)
    try:
        yield
    except BaseException:
        await _roll_back(connection)
        raise
    await _commit(connection)


async def _roll_back(connection: Connection) -> None:
    """Undoes the open transaction, at the latest by dropping the connection."""
    try:
        await connection.execute("ROLLBACK")
    except (*DRIVER_ERRORS, asyncio.CancelledError):
        terminate(connection)


async def _commit(connection: Connection) -> None:
    """Sends COMMIT and waits for the answer, also when the caller is cancelled meanwhile.

    Raises OutcomeUnknown when no answer comes, Unavailable when it is a refusal or was never sent.
    """
    if is_lost(connection):
        raise NoAnswer
    await failpoint("primary.before_commit")
    commit = asyncio.ensure_future(connection.execute("COMMIT"))
    try:
        answer = await asyncio.shield(commit)
        await failpoint("primary.after_commit")
    except asyncio.CancelledError:
        # Cutting the connection now would leave the outcome to chance. The wait is bounded by its deadline.
        await asyncio.wait((commit,))
        commit.exception()  # looked at, or asyncio would report it as one that nobody saw
        raise
    except DRIVER_ERRORS as error:
        terminate(connection)
        meaning = translate(error)
        if meaning is None:
            raise
        raise OutcomeUnknown if isinstance(meaning, NoAnswer) else meaning from error
    if answer != "COMMIT":  # the server's way to say that a statement had failed, and the failure was ignored
        raise Unavailable


async def _announce(connection: Connection) -> str:
    """After a commit: wakes the relay and gives the WAL position, which is not before that of the commit.

    The wake-up is no part of the transaction, because commits with one wait for each other, each through its
    fsync. A process that dies in between only leaves the event to the relay's next look at the outbox.
    Without the position no token can be given out, so its loss counts as an unknown outcome.
    """
    try:
        rows = await fetch(connection, "SELECT pg_current_wal_insert_lsn()::text FROM pg_notify($1, '')", CHANNEL)
    except Unavailable as error:
        raise OutcomeUnknown from error
    return str(rows[0][0])
