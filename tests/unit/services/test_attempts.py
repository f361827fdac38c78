"""How often somebody may try."""

import asyncio

import pytest

from contracts.errors import RateLimitExceeded
from services.write import attempts
from services.write.attempts import LocalAttempts


class Clock:
    """Seconds that pass when told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def limiter(clock) -> LocalAttempts:
    """No attempts yet."""
    return LocalAttempts(clock=clock)


async def passed(limiter: LocalAttempts, times: int, what: str = "a") -> int:
    """How many of so many attempts pass, five allowed in fifty seconds."""
    results = await asyncio.gather(*(limiter.take(what, 5, 50.0) for _ in range(times)), return_exceptions=True)
    return sum(result is None for result in results)


async def test_as_many_as_allowed_pass_and_refused_ones_don_t_lengthen_the_wait(limiter, clock):
    """Five at once, and after a tenth of the period one more, however often it was tried meanwhile."""
    assert await passed(limiter, 100) == 5
    clock.now += 9.9
    assert await passed(limiter, 100) == 0
    clock.now += 0.1
    assert await passed(limiter, 100) == 1
    clock.now += 50
    assert await passed(limiter, 100) == 5


async def test_who_is_refused_learns_how_long_to_wait(limiter, clock):
    """In whole seconds; then it works."""
    await passed(limiter, 5)
    clock.now += 3.5
    with pytest.raises(RateLimitExceeded) as refused:
        await limiter.take("a", 5, 50.0)
    assert refused.value.retry_after == 7
    clock.now += refused.value.retry_after
    await limiter.take("a", 5, 50.0)


async def test_others_are_not_concerned_and_what_is_forgotten_begins_anew(limiter):
    """Each has its own count."""
    await passed(limiter, 5)
    assert await passed(limiter, 10, "b") == 5
    await limiter.forget("a")
    await limiter.forget("nobody")
    assert await passed(limiter, 10) == 5


async def test_no_crowd_fills_the_memory(limiter, monkeypatch):
    """Of too many, the one that tried longest ago is forgotten."""
    monkeypatch.setattr(attempts, "MOST", 3)
    for what in ("a", "b", "c"):
        await passed(limiter, 5, what)
    assert await passed(limiter, 5, "d") == 5
    assert await passed(limiter, 1, "c") == 0
    assert await passed(limiter, 5, "a") == 5
