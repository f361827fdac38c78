"""Telling caches what to forget, many tags with one call."""

import asyncio
from collections.abc import Sequence
from itertools import islice
from urllib.parse import urlsplit

import aiohttp

from contracts.errors import Unavailable
from infrastructure.cdn.calls import Calls
from infrastructure.telemetry import metrics

MOST = 30
"""Tags in one call: what the strictest of the networks takes."""

QUEUE = 3000
"""Tags that may wait for a call: a hundred calls' worth. Who finds it full is better told so than kept waiting."""


class CdnFailed(Unavailable):
    """A cache did not say that it has forgotten. Its sentence names the cache: no answer to a client comes of it."""


class _Waiting:
    """Who waits for one tag, and what becomes of it: None when it is forgotten, else why not."""

    def __init__(self) -> None:
        self.callers = 0
        self.told: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()


class Purger:
    """Every cache before the gateway. Safe for any number of concurrent calls on one event loop.

    One call is under way at a time; who comes meanwhile shares the next ones, `MOST` tags in each. A tag that nobody
    waits for any more is left out.
    """

    def __init__(self, caches: Sequence[Calls], http: aiohttp.ClientSession, *, timeout: float) -> None:
        """`timeout` is how many seconds a cache may take to answer one call."""
        self._caches = caches
        self._http = http
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._queue: dict[str, _Waiting] = {}
        self._sending: asyncio.Task[None] | None = None

    async def purge(self, tag: str) -> None:
        """Returns when no cache gives out any more what it keeps with a tag. Raises `CdnFailed`.

        That takes up to two time-outs where no more than `MOST` wait. What a cache is just being sent by the gateway
        may be kept after that.
        """
        if tag not in self._queue and len(self._queue) == QUEUE:
            raise CdnFailed(f"{QUEUE} images wait to be forgotten already")
        waiting = self._queue.setdefault(tag, _Waiting())
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_all())
        waiting.callers += 1
        try:
            error = await asyncio.shield(waiting.told)
        finally:
            waiting.callers -= 1
            if waiting.callers == 0 and self._queue.get(tag) is waiting:
                del self._queue[tag]
        if error is not None:
            raise error

    async def _send_all(self) -> None:
        try:
            while self._queue:
                batch = {tag: self._queue.pop(tag) for tag in tuple(islice(self._queue, MOST))}
                error = await self._send(tuple(batch))
                for waiting in batch.values():
                    waiting.told.set_result(error)
        finally:
            self._sending = None

    async def _send(self, tags: tuple[str, ...]) -> Exception | None:
        told = await asyncio.gather(*(self._tell(cache, tags) for cache in self._caches), return_exceptions=True)
        failed = [error for error in told if isinstance(error, Exception)]
        metrics.cdn_purges.labels("failed" if failed else "done").inc(len(tags))
        return failed[0] if failed else None

    async def _tell(self, cache: Calls, tags: tuple[str, ...]) -> None:
        call = cache(tags)
        where = urlsplit(call.url).netloc.rpartition("@")[2]
        try:
            async with self._http.request(
                call.method,
                call.url,
                data=call.body,
                headers=call.headers,
                timeout=self._timeout,
                allow_redirects=False,
            ) as answer:
                if answer.status // 100 != 2:
                    raise CdnFailed(f"{where} answers {answer.status}")
        except TimeoutError:
            raise CdnFailed(f"{where}: no answer within {self._timeout.total:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            told = "" if isinstance(error, aiohttp.InvalidURL) else f": {error}"  # that one quotes passwords
            raise CdnFailed(f"{where}: {type(error).__name__}{told}") from None
