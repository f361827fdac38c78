"""Many tags go with few calls, and nobody is told that a cache has forgotten what it has not."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from infrastructure import env
from infrastructure.cdn.calls import calls_to
from infrastructure.cdn.config import MOST_HELD_UP, CdnConfig
from infrastructure.cdn.open import open_cdn
from infrastructure.cdn.purger import MOST, QUEUE, CdnFailed, Purger
from services.write.http.budget import BUDGET
from tests.component.nginx.standin import StandIn


@pytest.fixture
async def cache() -> AsyncIterator[StandIn]:
    """A cache that forgets whatever it is told to."""
    standin = StandIn(lambda _: web.Response(text="{}"))
    await standin.start()
    yield standin
    await standin.stop()


@pytest.fixture
async def purger(cache) -> AsyncIterator[Purger]:
    """What tells it, with all the time of a busy machine."""
    async with aiohttp.ClientSession() as http:
        yield Purger([calls_to(f"varnish://{cache.address}", "")], http, timeout=60)


def keys(request) -> list[str]:
    return request.headers["surrogate-key"].split()


def held(cache) -> tuple[asyncio.Event, asyncio.Event]:
    """The cache has a call in hand when the first is set, and answers it when the second is."""
    under_way, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(_: web.Request) -> web.Response:
        under_way.set()
        await go_on.wait()
        return web.Response()

    cache.answer = slowly
    return under_way, go_on


async def test_those_who_come_meanwhile_share_a_call(cache, purger):
    """One call is under way at a time, and none has more tags than it may."""
    await asyncio.gather(*(purger.purge(str(number)) for number in range(2 * MOST)))
    told = [keys(request) for request in cache.asked]
    assert [len(tags) for tags in told] == [MOST, MOST]
    assert sorted(int(tag) for tags in told for tag in tags) == list(range(2 * MOST))


async def test_who_comes_while_a_call_is_under_way_is_told_by_the_next(cache, purger):
    """The cache may have done its work already."""
    under_way, go_on = held(cache)
    first = asyncio.create_task(purger.purge("a"))
    await under_way.wait()
    others = [asyncio.create_task(purger.purge(tag)) for tag in "aab"]
    await asyncio.sleep(0)
    others[0].cancel()  # takes nothing from the others
    go_on.set()
    await asyncio.gather(first, *others[1:])
    assert [keys(request) for request in cache.asked] == [["a"], ["a", "b"]]


async def test_whom_nobody_waits_for_is_not_in_the_way(cache, purger):
    """The queue has the tags of those who still wait; when it is full the next one is told so at once."""
    under_way, go_on = held(cache)
    first = asyncio.create_task(purger.purge("first"))
    await under_way.wait()
    waiting = [asyncio.create_task(purger.purge(str(number))) for number in range(QUEUE)]
    await asyncio.sleep(0)
    with pytest.raises(CdnFailed, match="wait to be forgotten"):
        await purger.purge("one too many")
    again = asyncio.create_task(purger.purge("0"))
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    last = asyncio.create_task(purger.purge("last"))
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(first, again, last)
    assert [keys(request) for request in cache.asked] == [["first"], ["0", "last"]]


async def test_a_mistake_in_a_call_is_told_to_who_waits(cache):
    """And the next one is made all the same."""
    calls = iter([KeyError("a mistake"), calls_to(f"varnish://{cache.address}", "")])

    def cache_or_mistake(tags):
        call = next(calls)
        if isinstance(call, Exception):
            raise call
        return call(tags)

    async with aiohttp.ClientSession() as http:
        purger = Purger([cache_or_mistake], http, timeout=5)
        with pytest.raises(KeyError):
            await purger.purge("a")
        await purger.purge("a")
    assert len(cache.asked) == 1


def test_a_change_waits_for_two_calls():
    """The one that is under way when it comes, and its own; what takes longer than a change may is refused."""
    assert CdnConfig(timeout=2).patience > 4
    with pytest.raises(env.ConfigError, match="CHITRAM_CDN_TIMEOUT"):
        env.read(CdnConfig, {"CHITRAM_CDN_TIMEOUT": "3", "CHITRAM_CDN_WINDOW": "2"})
    assert MOST_HELD_UP < BUDGET


async def test_a_failure_names_the_cache_without_its_secrets(cache):
    """In its sentence too, which logs and the quarantine have."""
    cache.answer = lambda _: web.Response(status=403)
    async with open_cdn(CdnConfig(addresses=(f"http://ann:secret@{cache.address}/p",), timeout=3)) as opened:
        assert opened is not None
        with pytest.raises(CdnFailed) as failed:
            await opened.purge("a")
    assert failed.value.detail == str(failed.value) == f"{cache.address} answers 403"


@pytest.mark.parametrize("status", [302, 403, 503])
async def test_whatever_is_no_success_is_a_failure(cache, purger, status):
    """And the next call is made all the same."""
    cache.answer = lambda _: web.Response(status=status, headers={"location": "/"})
    with pytest.raises(CdnFailed, match=f"answers {status}"):
        await purger.purge("a")
    cache.answer = lambda _: web.Response()
    await purger.purge("a")


async def test_one_cache_of_several_that_is_not_there_is_a_failure(cache):
    """The others are told."""
    async with aiohttp.ClientSession() as http:
        caches = [calls_to(address, "") for address in ("varnish://127.0.0.1:1", f"varnish://{cache.address}")]
        with pytest.raises(CdnFailed, match=r"127\.0\.0\.1:1"):
            await Purger(caches, http, timeout=5).purge("a")
    assert len(cache.asked) == 1


async def test_a_cache_that_hangs_has_a_deadline(cache):
    """It is a failure then."""
    cache.answer = lambda _: asyncio.sleep(60)
    async with open_cdn(CdnConfig(addresses=(f"varnish://{cache.address}",), timeout=0.05)) as opened:
        assert opened is not None
        with pytest.raises(CdnFailed, match="no answer"):
            await opened.purge("a")


async def test_without_a_cache_there_is_nobody_to_tell():
    """Nothing is opened."""
    async with open_cdn(CdnConfig()) as opened:
        assert opened is None
