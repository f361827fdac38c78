"""Several shards are asked at once; the slow and the failing are replaced."""

import asyncio

import pytest

from contracts.errors import Unavailable
from infrastructure.storage.race import Race
from tests.eventually import becomes


class Shards:
    """Answers with their own names, fail, or wait to be let go; remember what happened to them."""

    def __init__(self, **behaviours):
        self.behaviours = behaviours
        self.asked = []
        self.given_up = []
        self.late = []
        self.overtaken = []
        self.gates = {name: asyncio.Event() for name in behaviours}

    async def ask(self, name):
        self.asked.append(name)
        match self.behaviours[name]:
            case "fails":
                raise Unavailable
            case "breaks":
                raise ZeroDivisionError
            case "hangs":
                try:
                    await self.gates[name].wait()
                except asyncio.CancelledError:
                    self.given_up.append(name)
                    raise
        return name

    async def race(self, *, wanted, enough=None, patience=0.01):
        told = {"on_late": self.late.append, "on_overtaken": self.overtaken.append}
        race = Race(self.ask, iter(self.behaviours), patience=patience, **told)
        async with asyncio.timeout(5):
            return await race.run(wanted=wanted, enough=wanted if enough is None else enough)


async def test_only_those_that_are_needed_are_asked():
    """The rest are spares."""
    shards = Shards(a="works", b="works", c="works")
    outcome = await shards.race(wanted=2)
    assert list(outcome.done) == shards.asked == ["a", "b"]
    assert outcome.failed == {}


async def test_a_failure_is_made_up_for_by_the_next():
    """And told."""
    shards = Shards(a="fails", b="works", c="fails", d="works", e="works")
    outcome = await shards.race(wanted=2)
    assert list(outcome.done) == ["b", "d"]
    assert list(outcome.failed) == ["a", "c"]


async def test_too_few_are_returned_as_they_are():
    """Whether that is enough is for the caller to say."""
    outcome = await Shards(a="fails", b="works").race(wanted=2)
    assert list(outcome.done) == ["b"]


async def test_nobody_to_ask():
    """Nothing done, nothing failed."""
    outcome = await Shards().race(wanted=2)
    assert (outcome.done, outcome.failed) == ({}, {})


async def test_a_slow_one_is_overtaken():
    """The next one is asked beside it, and it is given up when that one answers."""
    shards = Shards(a="hangs", b="works", c="works")
    outcome = await shards.race(wanted=2)
    assert list(outcome.done) == ["b", "c"]
    assert shards.late == shards.overtaken == shards.given_up == ["a"]


async def test_a_slow_one_may_still_win():
    """Late is not failed: when all are slow the first to answer counts, and nobody is blamed who answered."""
    shards = Shards(a="hangs", b="hangs")
    racing = asyncio.ensure_future(shards.race(wanted=1))
    await becomes(lambda: shards.asked, ["a", "b"])
    shards.gates["a"].set()
    outcome = await racing
    assert list(outcome.done) == ["a"]
    assert "a" in shards.late
    assert "a" not in shards.overtaken
    assert shards.given_up == ["b"]


async def test_no_one_left_to_ask_and_enough_have_answered():
    """The late ones are not waited for."""
    shards = Shards(a="works", b="hangs")
    outcome = await shards.race(wanted=2, enough=1)
    assert list(outcome.done) == ["a"]
    assert shards.overtaken == ["b"]


async def test_when_everything_is_slow_not_everybody_is_asked():
    """Two rounds of spares, then patience: more calls would make it slower."""
    shards = Shards(**dict.fromkeys("abcdefgh", "hangs"))
    racing = asyncio.ensure_future(shards.race(wanted=2))
    await becomes(lambda: len(shards.asked), 6)
    await asyncio.sleep(0.05)  # five patiences in which nobody else may be asked
    assert shards.asked == list("abcdef")
    for name in "cd":
        shards.gates[name].set()
    outcome = await racing
    assert list(outcome.done) == ["c", "d"]


async def test_giving_up_the_race_gives_up_everyone():
    """A caller that goes away leaves no call behind, and blames nobody."""
    shards = Shards(a="hangs", b="hangs")
    racing = asyncio.ensure_future(shards.race(wanted=2))
    await becomes(lambda: len(shards.asked), 2)
    racing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await racing
    assert sorted(shards.given_up) == ["a", "b"]
    assert shards.overtaken == []


async def test_a_bug_is_not_a_failure():
    """Other errors than a shard's end the race."""
    shards = Shards(a="breaks", b="hangs")
    with pytest.raises(ZeroDivisionError):
        await shards.race(wanted=2)
    assert shards.given_up == ["b"]
