"""What a read service does about events that the stream does not tell, and how it measures and asks its servers."""

import asyncio
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from contracts.errors import Unavailable
from contracts.events import ImageUploaded
from services.read.follow import Follower
from services.read.lag import Lag
from services.read.rounds import Rounds
from tests.unit import samples
from tests.unit.samples import NOON


class Look(msgspec.Struct):
    position: int
    stream: str | None
    sequence: int


class Recent:
    """Writes down what it is told."""

    def __init__(self):
        self.told = []

    def hear(self, event, lsn):
        self.told.append(("hear", event.id, lsn))

    def doubt(self):
        self.told.append("doubt")

    def begin(self, position):
        self.told.append(("begin", position))


class Primary:
    def __init__(self):
        self.unsent, self.position = [], 100

    async def tell_unsent(self):
        if self.unsent is None:
            raise Unavailable
        return self.unsent

    async def index(self):
        await asyncio.sleep(0)
        return self.position


@pytest.fixture
def recent():
    return Recent()


@pytest.fixture
def primary():
    return Primary()


def follower(recent, primary, look=None):
    return Follower((recent,), unsent=primary.tell_unsent, index=primary.index, look=lambda: look)


def event():
    return ImageUploaded(uuid4(), NOON, samples.image())


async def test_the_replica_says_where_to_begin(recent, primary):
    """After the last event that it has replayed for certain, if that is in the stream; then nothing is missing."""
    made = follower(recent, primary, Look(50, "made at noon", 7))
    assert made.place("made at noon", 1, 9) == 7
    await made.catch_up()
    assert recent.told == [("begin", 50)]


@pytest.mark.parametrize(
    ("look", "first"),
    [
        (None, 1),
        (Look(50, None, 0), 1),
        (Look(50, "another", 7), 1),
        (Look(50, "this", 7), 9),
        (Look(50, "this", 12), 1),
    ],
)
async def test_where_it_can_not_say_the_primary_does(recent, primary, look, first):
    """Its news are of another stream, or from before or after this one: it has to have all that is committed by now."""
    made = follower(recent, primary, look)
    assert made.place("this", first, 10) == 10
    assert recent.told == []
    await made.catch_up()
    await made.catch_up()
    assert recent.told == [("begin", 100)]


async def test_what_waits_in_the_outbox_is_heard_before_a_lease_is_believed(recent, primary):
    """And while that can't be found out there is none."""
    made = follower(recent, primary, Look(50, "this", 0))
    one = event()
    primary.unsent = [(one, "0/64")]
    await made.catch_up()
    assert recent.told == [("hear", one.id, 100)]
    primary.unsent = None
    with pytest.raises(Unavailable):
        await made.catch_up()


async def test_after_a_gap_the_base_has_to_have_all_that_was_committed(recent, primary):
    """Also when there is another gap meanwhile: then once more."""
    made = follower(recent, primary)
    made.doubt()
    catching_up = asyncio.create_task(made.catch_up())
    await asyncio.sleep(0)
    made.doubt()
    await catching_up
    primary.position = 200
    await made.catch_up()
    assert recent.told == ["doubt", "doubt", ("begin", 100), ("begin", 200)]


def test_an_event_without_a_position_is_refused(recent, primary):
    """Nobody could say when the replica has it."""
    with pytest.raises(ValueError, match="no position"):
        follower(recent, primary).hear(event(), None)


@given(some.lists(some.tuples(some.floats(0.1, 5), some.integers(0, 3)), max_size=30), some.integers(0, 60))
def test_lag_is_the_age_of_the_first_position_that_is_not_replayed(steps, replayed):
    """By one clock; 0 when everything known of is replayed."""
    lag, now, position, noted = Lag(), 0.0, 0, []
    for seconds, advance in steps:
        now, position = now + seconds, position + advance
        lag.note(now, position)
        noted.append((now, position))
    missing = [at for at, there in noted if there > replayed]
    assert lag.seconds(replayed, now) == pytest.approx(now - missing[0] if missing else 0.0)


async def test_nobody_gets_an_answer_to_a_question_from_before_his_own():
    """Those who come while one is under way share the next one, and an error too."""
    asked, gates = [], [asyncio.Event() for _ in range(3)]

    async def ask():
        number = len(asked)
        asked.append(number)
        await gates[number].wait()
        if number == 2:
            raise Unavailable
        return number

    rounds = Rounds(ask)
    first = asyncio.create_task(rounds.answer())
    await asyncio.sleep(0.01)
    rest = [asyncio.create_task(rounds.answer()) for _ in range(5)]
    await asyncio.sleep(0.01)
    assert asked == [0]
    gates[0].set()
    gates[1].set()
    assert await first == 0
    assert await asyncio.gather(*rest) == [1] * 5
    gates[2].set()
    with pytest.raises(Unavailable):
        await rounds.answer()
