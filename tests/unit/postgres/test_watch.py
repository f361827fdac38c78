"""Requests don't each find out that the primary is away."""

import asyncio

import pytest

from contracts.errors import Unavailable
from infrastructure.postgres import watch as watch_module
from infrastructure.postgres.watch import TRIES, Watch
from tests.eventually import becomes


class Servers:
    """Whether one of them takes writes, and how often they were asked."""

    def __init__(self):
        self.there = True
        self.asked = 0

    async def ask(self):
        self.asked += 1
        if not self.there:
            raise Unavailable


@pytest.fixture
def servers():
    return Servers()


@pytest.fixture
async def watch(servers, monkeypatch):
    """A watch that is awake all the time."""
    monkeypatch.setattr(watch_module, "EVERY", 0.02)
    monkeypatch.setattr(watch_module, "AGAIN", 0.01)
    watch = Watch(servers.ask)
    running = asyncio.create_task(watch.run())
    yield watch
    running.cancel()
    await asyncio.wait([running])


async def test_servers_that_do_not_answer_are_down_until_they_do(watch, servers):
    """Nobody has to ask them for anything to find out."""
    await becomes(lambda: servers.asked > 1, True)
    assert not watch.is_down
    servers.there = False
    await becomes(lambda: watch.is_down, True)
    servers.there = True
    await becomes(lambda: watch.is_down, False)


async def test_once_in_vain_is_chance(watch, servers, monkeypatch):
    """It takes several."""
    monkeypatch.setattr(watch_module, "AGAIN", 60.0)
    servers.there = False
    asked = servers.asked
    await becomes(lambda: servers.asked > asked, True)
    assert not watch.is_down
    for _ in range(TRIES):
        watch.doubt()
        await asyncio.sleep(0)
    await becomes(lambda: watch.is_down, True)


async def test_nobody_is_asked_while_requests_are_answered(servers, monkeypatch):
    """Each of them is proof enough."""
    watch, turns = Watch(servers.ask), iter(range(100))

    async def rest(_):
        watch.hear()
        if next(turns, None) is None:
            raise asyncio.CancelledError

    monkeypatch.setattr(watch, "_rest", rest)
    with pytest.raises(asyncio.CancelledError):
        await watch.run()
    assert servers.asked == 0
