"""Whatever is late, lost or slow: who holds a lease has applied every change that was answered."""

import random
from datetime import UTC, datetime

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from infrastructure.nats.bucket import Record
from infrastructure.nats.term import Attempt, Term
from infrastructure.nats.waiting import Place, Verdict, judge

LEASE = 1.0
DELAYS = (0.0, 0.0, 0.05, 0.3, 0.5, 0.9, 1.0)
STREAM = datetime(2026, 1, 1, tzinfo=UTC)


class Renewal(msgspec.Struct):
    """A record on its way to the server, over a revision or (None) over whatever is there, then the answer to it."""

    attempt: Attempt
    over: int | None
    sequence: int
    granted: int | None = None
    refused: bool = False


class Deletion(msgspec.Struct):
    """A change that a write service waits with, until a time; `newest` was the newest revision when it began to."""

    sequence: int
    newest: int
    until: float
    expelled: bool = False


class Leases:
    """One read service, one server and any number of deletions. The server's time is the write service's too.

    A step that is not possible just now does nothing.
    """

    def __init__(self, rate):
        """The reader's clock runs at this `rate`: a little slow or fast."""
        self.rate = rate
        self.now = 0.0
        self.term = Term(LEASE)
        self.record: Record | None = None
        self.revision = 0
        self.known: int | None = None
        self.on_its_way: Renewal | None = None
        self.target: tuple[Attempt, int] | None = None
        self.published = 0
        self.applied = 0
        self.answered = 0
        self.waiting: list[Deletion] = []

    @property
    def reader_now(self):
        return self.now * self.rate

    def time_passes(self, seconds):
        """Anyone may be this slow."""
        self.now += seconds

    # The read service.

    def it_renews(self, there, back):
        """The whole way, when nothing comes between."""
        if self.on_its_way is not None or self.target is not None:
            return
        self.it_sends_a_renewal()
        self.now += there
        self.it_takes_the_renewal()
        self.now += back
        self.it_hears_the_answer()
        if self.target is not None:
            self.applied = max(self.applied, self.target[1])
            self.it_has_caught_up()

    def it_sends_a_renewal(self):
        """Over the revision that it knows, or a new record where it knows none."""
        if self.on_its_way is not None or self.target is not None:
            return
        self.on_its_way = Renewal(self.term.attempt(self.reader_now), self.known, self.applied)

    def its_renewal_is_given_up(self):
        """No answer in time: it may have been granted or not, so the revision is not known any more."""
        if self.on_its_way is None:
            return
        self.on_its_way = self.known = None

    def it_hears_the_answer(self):
        """A lease that was still held is prolonged; any other is taken, after catching up."""
        if self.on_its_way is None or not (self.on_its_way.granted or self.on_its_way.refused):
            return
        renewal, self.on_its_way = self.on_its_way, None
        if renewal.refused:
            self.known = None
            self.term.drop()
            return
        self.known = renewal.granted
        if renewal.over is None or not self.term.renewed(renewal.attempt, self.reader_now):
            self.target = (renewal.attempt, self.published)

    def it_has_caught_up(self):
        """With everything that was published when it looked, after its record was there."""
        if self.target is None:
            return
        attempt, target = self.target
        if self.applied >= target:
            self.target = None
            self.term.taken(attempt)

    def it_applies_an_event(self, heard):
        """And says so, which may be lost."""
        if self.applied >= self.published:
            return
        self.applied += 1
        if heard:
            self._answer([one for one in self.waiting if one.sequence <= self.applied])

    def it_loses_its_connection(self):
        """What was on its way is lost too."""
        self.term.drop()
        self.on_its_way = self.known = self.target = None

    # The server.

    def it_takes_the_renewal(self):
        """Unless somebody else has written meanwhile."""
        if self.on_its_way is None or self.on_its_way.granted:
            return
        renewal = self.on_its_way
        if renewal.over is not None and (self.record is None or renewal.over != self.revision_of_record):
            renewal.refused = True
            return
        self._write(Record(STREAM, renewal.sequence))
        renewal.granted = self.revision

    # The write services.

    def a_deletion_is_published(self):
        """Then whoever has a record is waited for."""
        self.published += 1
        if self.record is None:
            self.answered = self.published
        else:
            self.waiting.append(Deletion(self.published, self.revision, self.now + LEASE))

    def one_has_waited_a_lease(self):
        """It judges the record, or has done so a lease ago."""
        if not any(one.until <= self.now for one in self.waiting):
            return
        one = next(one for one in self.waiting if one.until <= self.now)
        if one.expelled:
            self._answer([one])
            return
        found = (self.record, self.revision_of_record) if self.record else (None, 0)
        verdict = judge(*found, newest=one.newest, place=Place(STREAM, one.sequence))
        if verdict is Verdict.DEAF:
            self._write(Record(None, 0, state="expelled"))
            one.expelled, one.until = True, self.now + LEASE
            return
        if verdict is Verdict.LAPSED:
            self.record = None
        self._answer([one])

    def who_holds_a_lease_knows(self):
        """Everything that was answered."""
        if self.term.is_held(self.reader_now):
            assert self.applied >= self.answered

    def _write(self, record):
        self.revision += 1
        self.record, self.revision_of_record = record, self.revision

    def _answer(self, deletions):
        for one in deletions:
            self.answered = max(self.answered, one.sequence)
            self.waiting.remove(one)


STEPS = {
    "time_passes": 4,
    "it_renews": 4,
    "it_sends_a_renewal": 1,
    "its_renewal_is_given_up": 1,
    "it_hears_the_answer": 2,
    "it_has_caught_up": 1,
    "it_applies_an_event": 1,
    "it_loses_its_connection": 0.2,
    "it_takes_the_renewal": 2,
    "a_deletion_is_published": 2,
    "one_has_waited_a_lease": 4,
}
"""What may happen next, and how often it does."""


@given(st.integers(0, 1 << 32))
@settings(max_examples=20)
def test_who_holds_a_lease_knows_what_was_answered(seed):
    """Whatever happens, in any order: 100 lives of 60 steps for each seed."""
    rng = random.Random(seed)
    for _ in range(100):
        world = Leases(rng.uniform(0.92, 1.08))
        for step in rng.choices(list(STEPS), list(STEPS.values()), k=60):
            match step:
                case "time_passes":
                    world.time_passes(rng.choice(DELAYS))
                case "it_renews":
                    world.it_renews(rng.choice(DELAYS), rng.choice(DELAYS))
                case "it_applies_an_event":
                    world.it_applies_an_event(rng.random() < 0.5)
                case _:
                    getattr(world, step)()
            world.who_holds_a_lease_knows()


def test_a_lease_that_is_renewed_in_time_is_held_throughout():
    """Three renewals a lease, each a little late."""
    term, now = Term(LEASE), 0.0
    term.taken(term.attempt(now))
    for _ in range(50):
        attempt = term.attempt(now)
        now += 0.35
        assert term.is_held(now)
        assert term.renewed(attempt, now)


def test_what_was_sent_before_a_drop_is_of_no_use_after_it():
    """Neither a renewal nor a taking."""
    term = Term(LEASE)
    attempt = term.attempt(0.0)
    term.drop()
    term.taken(attempt)
    assert not term.is_held(0.0)
    assert not term.renewed(attempt, 0.0)
