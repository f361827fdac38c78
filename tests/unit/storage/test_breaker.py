"""The breaker: opens on a rate of failures, lets one probe through, and forgets."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ObjectMissing, Unavailable
from infrastructure.storage.breaker import Breaker, Policy, State

POLICY = Policy(window=10, rate=0.5, calls=4, pause=1, patience=15)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def changes():
    return []


@pytest.fixture
def breaker(clock, changes):
    return Breaker(clock=clock, policy=POLICY, on_change=changes.append)


@pytest.fixture
def opened(breaker, clock):
    breaker.trip()
    clock.advance(POLICY.pause)
    return breaker


def fail(breaker, times=1):
    for _ in range(times):
        breaker.failed()


def test_it_opens_when_half_of_enough_calls_failed(breaker, changes):
    """Four calls, two failures: open; the change is told once."""
    breaker.succeeded()
    breaker.succeeded()
    fail(breaker)
    assert breaker.is_closed
    fail(breaker)
    assert breaker.state is State.OPEN
    assert not breaker.allow()
    assert changes == [State.OPEN]


def test_a_few_calls_prove_nothing(breaker):
    """Three failures out of three are too few to judge by."""
    fail(breaker, 3)
    assert breaker.is_closed
    assert breaker.allow()


def test_a_low_rate_is_borne(breaker):
    """A shard that fails now and then stays in use."""
    for _ in range(50):
        breaker.succeeded()
        breaker.succeeded()
        fail(breaker)
    assert breaker.is_closed


def test_what_lies_behind_the_window_is_forgotten(breaker, clock):
    """Failures from before the window don't add up with new ones."""
    fail(breaker, 3)
    clock.advance(POLICY.window + 1)
    fail(breaker, 3)
    assert breaker.is_closed


def test_old_successes_do_not_outvote_new_failures(breaker, clock):
    """After the window only what came since counts."""
    for _ in range(100):
        breaker.succeeded()
    clock.advance(POLICY.window + 1)
    fail(breaker, 4)
    assert not breaker.is_closed


def test_one_probe_after_the_pause(opened):
    """The first caller may try; the others wait for its outcome."""
    assert [opened.allow() for _ in range(3)] == [True, False, False]
    assert opened.state is State.HALF_OPEN


def test_a_probe_that_succeeds_closes(opened, changes):
    """And the failures of before are forgotten."""
    assert opened.allow()
    opened.succeeded()
    fail(opened, 3)
    assert opened.is_closed
    assert changes == [State.OPEN, State.HALF_OPEN, State.CLOSED]


def test_a_probe_that_fails_opens_again(opened, clock):
    """For another pause."""
    assert opened.allow()
    fail(opened)
    assert opened.state is State.OPEN
    assert not opened.allow()
    clock.advance(POLICY.pause)
    assert opened.allow()


def test_a_probe_without_an_outcome_makes_room(opened):
    """A call that was cancelled says nothing, so the next one may be the probe."""
    assert opened.allow()
    with pytest.raises(asyncio.CancelledError), opened.call():
        raise asyncio.CancelledError
    assert opened.state is State.HALF_OPEN
    assert opened.allow()


def test_a_probe_that_is_never_heard_of_again_is_replaced(opened, clock):
    """Whatever became of it, the shard is not avoided for ever."""
    assert opened.allow()
    clock.advance(POLICY.patience)
    assert opened.allow()


def test_a_straggler_does_not_close(breaker):
    """A success of a call from before it opened is not the probe's."""
    fail(breaker, 4)
    breaker.succeeded()
    breaker.abandoned()
    assert breaker.state is State.OPEN


def test_a_failure_while_open_changes_nothing(opened, changes):
    """Stragglers that fail don't prolong the pause."""
    fail(opened)
    assert opened.allow()
    assert changes == [State.OPEN, State.HALF_OPEN]


def test_a_block_counts_as_its_end(breaker):
    """Errors of the shard are failures and are raised on."""
    for _ in range(POLICY.calls):
        with pytest.raises(Unavailable), breaker.call():
            raise Unavailable
    assert breaker.state is State.OPEN


def test_a_block_that_ends_well_is_a_success(opened):
    """So a probe's block closes it."""
    assert opened.allow()
    with opened.call():
        pass
    assert opened.is_closed


def test_an_absent_object_is_an_answer(opened):
    """A shard that says that it has no such object works."""
    assert opened.allow()
    with pytest.raises(ObjectMissing), opened.call():
        raise ObjectMissing
    assert opened.is_closed


@given(st.lists(st.sampled_from(["fail", "succeed", "abandon", "trip", "ask", "wait"]), max_size=60))
def test_at_most_one_call_is_on_its_way_while_not_closed(steps):
    """Whatever happens, no second probe is let through before the first has ended or its time is up."""
    clock, probing, since = Clock(), False, 0.0
    breaker = Breaker(clock=clock, policy=POLICY)
    for step in steps:
        if step == "wait":
            clock.advance(0.4)
        elif step == "ask" and not breaker.is_closed:
            allowed = breaker.allow()
            assert not (allowed and probing and clock.now < since + POLICY.patience)
            if allowed:
                probing, since = True, clock.now
        elif step != "ask":
            {"fail": breaker.failed, "succeed": breaker.succeeded, "abandon": breaker.abandoned, "trip": breaker.trip}[
                step
            ]()
            probing = probing and breaker.state is State.HALF_OPEN and step != "abandon"
