"""How far all replicas have replayed what the primary committed, for who must know it of each of them."""

import asyncio
import logging
from collections.abc import Sequence

import asyncpg

from infrastructure.postgres.connection import CHECK_TIMEOUT
from infrastructure.postgres.errors import DRIVER_ERRORS
from infrastructure.postgres.hosts import server_name

LOOK_EVERY = 0.05
"""Seconds between looks at the replicas, however many wait for them."""

logger = logging.getLogger(__name__)


class Replaying:
    """The replicas, asked only when somebody waits for them, each on a connection of its own."""

    def __init__(self, addresses: Sequence[str]) -> None:
        """Connects to nobody."""
        self._addresses = tuple(addresses)
        self._positions: tuple[int, ...] = ()
        self._looking: asyncio.Task[None] | None = None

    async def replayed(self, lsn: str) -> None:
        """Returns when every replica has replayed the log up to a position; for ever not while one can't be asked.

        Where no replica is known nothing can be said of them all, so it does not return either.
        """
        wanted = position(lsn)
        while not self._positions or min(self._positions) < wanted:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
            await asyncio.shield(self._looking)

    async def _look(self) -> None:
        """Asks all of them once, for everyone who waits."""
        await asyncio.sleep(LOOK_EVERY)
        self._positions = tuple(await asyncio.gather(*(_ask(address) for address in self._addresses)))


def position(lsn: str) -> int:
    """`16/B374D848` as a number of bytes from the log's beginning."""
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


async def _ask(address: str) -> int:
    """How far a replica has replayed; -1 when it doesn't answer. One that was promoted tells its own position."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            connection = await asyncpg.connect(address)
            try:
                return position(await connection.fetchval(_POSITION))
            finally:
                await connection.close()
    except DRIVER_ERRORS as error:
        logger.info("%s can't be asked how far it has replayed: %r", server_name(address), error)
        return -1


_POSITION = """
SELECT CASE
    WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_replay_lsn(), '0/0')
    ELSE pg_current_wal_insert_lsn()
END::text
"""
