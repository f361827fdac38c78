"""Telling caches what to forget, many tags with one call."""

import asyncio
from collections.abc import Sequence

import aiohttp

from contracts.errors import Unavailable
from infrastructure.cdn.calls import Call, Calls
from infrastructure.telemetry import metrics

MOST = 30
"""Tags in one call: what the strictest of the networks takes."""


class CdnFailed(Unavailable):
    """A cache did not say that it has forgotten; `reason` is for logs."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class _Batch:
    """Tags that go with one call, and that call once it is under way."""

    def __init__(self) -> None:
        self.tags: dict[str, None] = {}
        self.sent: asyncio.Task[None] | None = None


class Purger:
    """Every cache before the gateway. Safe for any number of concurrent calls on one event loop.

    One call is under way at a time; who comes meanwhile shares the next one.
    """

    def __init__(self, caches: Sequence[Calls], http: aiohttp.ClientSession, *, timeout: float) -> None:
        self._caches = caches
        self._http = http
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._turn = asyncio.Lock()
        self._next: _Batch | None = None

    async def purge(self, tag: str) -> None:
        """Returns when no cache gives out any more what it keeps with a tag. Raises `CdnFailed`.

        What a cache is just being sent by the gateway may be kept after that.
        """
        batch = self._next
        if batch is None or len(batch.tags) == MOST:
            batch = self._next = _Batch()
            batch.sent = asyncio.create_task(self._send(batch))
            batch.sent.add_done_callback(_look_at)
        batch.tags[tag] = None
        if batch.sent is not None:
            await asyncio.shield(batch.sent)

    async def _send(self, batch: _Batch) -> None:
        async with self._turn:
            if self._next is batch:
                self._next = None
            tags = tuple(batch.tags)
            told = await asyncio.gather(*(self._tell(cache(tags)) for cache in self._caches), return_exceptions=True)
        failed = [error for error in told if isinstance(error, BaseException)]
        metrics.cdn_purges.labels("failed" if failed else "done").inc(len(tags))
        if failed:
            raise failed[0]

    async def _tell(self, call: Call) -> None:
        where = call.url.partition("//")[2].partition("/")[0]
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
            raise CdnFailed(f"{where}: {type(error).__name__}: {error}") from error


def _look_at(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()  # or an error nobody waits for any more would be reported as lost
