"""Asking Redis without ever waiting long.

Every command has one deadline over all of it: a place among the connections, the connection itself
and the answer. After a few failures in a row no command is sent any more; a probe in the background
looks for the server, so that nobody's request pays for finding out that it is still away.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from contracts.errors import Unavailable
from infrastructure.env import ConfigError
from infrastructure.redis.breaker import Breaker
from infrastructure.redis.config import RedisConfig

DEADLINE = 0.1
START_WITHIN = 2.0
PROBE_EVERY = 0.25
"""Seconds: for one command, for the first one, between looks for a server that was lost."""

CONNECTIONS = 32

log = logging.getLogger(__name__)


class Client:
    """Made by `open_client`."""

    def __init__(self, redis: Redis, breaker: Breaker) -> None:
        self._redis = redis
        self._breaker = breaker
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._lost = asyncio.Event()

    @property
    def is_available(self) -> bool:
        """Commands are sent; while this is false they fail at once."""
        return not self._breaker.is_open

    async def ask(self, *command: str | bytes | int, within: float | None = None) -> Any:
        """The answer to a command, in bytes where it is text.

        Raises `Unavailable` `within` so many seconds, `DEADLINE` unless told. The command may have been carried out.
        Raises the driver's `ResponseError` when the server refuses the command itself.
        """
        if self._breaker.is_open:
            raise Unavailable("Redis can't be reached just now.")
        try:
            answer = await self._send(command, DEADLINE if within is None else within)
        except ResponseError:
            self._breaker.succeeded()
            raise
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            raise Unavailable("Redis can't be reached just now.") from error
        self._breaker.succeeded()
        return answer

    async def ping(self) -> bool:
        """Whether the server answers now."""
        try:
            await self.ask("PING")
        except (Unavailable, ResponseError):
            return False
        return True

    async def prove(self) -> None:
        """Looks whether the server is there. One that can't be reached is only a lost cache and gets a
        line in the log; one that refuses us is a mistake in CHITRAM_REDIS_URL and raises `Unavailable`."""
        try:
            await self._send(("PING",), START_WITHIN)
        except (AuthenticationError, ResponseError) as error:
            raise Unavailable(f"Redis refuses what CHITRAM_REDIS_URL says: {error}") from error
        except (RedisError, OSError, TimeoutError) as error:
            self._breaker.trip()
            self._failed(error)

    async def look_for_it(self) -> None:
        """Whenever the server was lost, asks every now and then until it answers; runs until cancelled."""
        while True:
            await self._lost.wait()
            try:
                await self._send(("PING",), DEADLINE)
            except (RedisError, OSError, TimeoutError):
                await asyncio.sleep(PROBE_EVERY)
            else:
                self._lost.clear()
                self._breaker.succeeded()
                log.info("Redis answers again")

    async def _send(self, command: tuple[str | bytes | int, ...], deadline: float) -> Any:
        async with asyncio.timeout(deadline), self._places:
            return await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]

    def _failed(self, error: Exception) -> None:
        self._breaker.failed()
        if self._breaker.is_open and not self._lost.is_set():
            self._lost.set()
            log.warning("Redis is left alone until it answers: %s", str(error) or "no answer in time")


@asynccontextmanager
async def open_client(config: RedisConfig) -> AsyncIterator[Client]:
    """Connects as needed. Raises `ConfigError` or `Unavailable`, naming the variable, when the address is wrong.

    A server that can't be reached doesn't stop the start: the cache is what every answer can do without.
    """
    pool = _pool(config)
    client = Client(Redis(connection_pool=pool), Breaker())
    looking = asyncio.create_task(client.look_for_it())
    try:
        await client.prove()
        yield client
    finally:
        looking.cancel()
        await asyncio.wait([looking])
        await pool.disconnect()


def _pool(config: RedisConfig) -> ConnectionPool:
    try:
        return ConnectionPool.from_url(
            config.url,
            max_connections=2 * CONNECTIONS,  # `_places` is the bound; those being closed after a time-out come on top
            socket_timeout=None,  # one deadline is over everything, so the driver's own are off
            socket_connect_timeout=None,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,  # saves two commands per connection
        )
    except ValueError:
        raise ConfigError("CHITRAM_REDIS_URL: expected redis://:password@host:port/database") from None
