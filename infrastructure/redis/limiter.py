"""How much callers may ask for in a period, counted for all services together.

<prefix>:rate:<what>:<who>    a time; see limit.lua
"""

from typing import NamedTuple

from redis.exceptions import ResponseError

from contracts.errors import Unavailable
from infrastructure.redis.client import Client
from infrastructure.redis.script import Script

_LIMIT = Script("limit.lua")
_MICROSECONDS = 1_000_000


class Grant(NamedTuple):
    """Units that were `granted`, 0 when there were too few, and those that are `left`.

    Seconds until it is worth asking again, 0 when something was granted, and until all units can be had.
    """

    granted: int
    left: int
    retry_after: float
    reset_after: float


class Limiter:
    """Counts in Redis, in one step for each question, so that no two services give away the same unit."""

    def __init__(self, client: Client, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    async def take(self, what: str, units: int, period: float, *, wanted: int = 1, needed: int | None = None) -> Grant:
        """Takes `wanted` units of `what` (or what there is of them, but not fewer than `needed`), of which there are
        `units` in `period` seconds. Refusals cost nothing.

        Raises `Unavailable` within a tenth of a second when Redis doesn't answer.
        """
        least = wanted if needed is None else needed
        arguments = (units, round(period * _MICROSECONDS), min(wanted, units), min(least, units))
        try:
            granted, left, retry, reset = await _LIMIT.run(self._client, (f"{self._prefix}:rate:{what}",), *arguments)
        except ResponseError as error:
            raise Unavailable from error
        return Grant(granted, left, retry / _MICROSECONDS, reset / _MICROSECONDS)

    async def forget(self, what: str) -> None:
        """Gives all units back. Raises `Unavailable`."""
        try:
            await self._client.ask("DEL", f"{self._prefix}:rate:{what}")
        except ResponseError as error:
            raise Unavailable from error
