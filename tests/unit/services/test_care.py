"""The pieces of looking after copies that need no shard."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

from contracts.errors import Unavailable
from services.shared import damage
from services.shared.damage import DamageReporter
from services.worker.care.rebalance import relocations
from services.worker.care.stored import digest, objects_of, with_objects
from services.worker.pace import Pace
from tests.eventually import becomes
from tests.unit import samples

KEY = f"{uuid4()}/original"


class Clock:
    """Seconds that pass when somebody sleeps."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds


async def test_a_pace_lets_so_much_through():
    """The first is let through at once, each further one when those before it have had their time."""
    clock = Clock()
    pace = Pace(100.0, clock=clock, sleep=clock.sleep)
    for _ in range(5):
        await pace.spend(50)
    assert clock.now == 2.0


async def test_rest_is_not_made_up_for():
    """Who did nothing for a while does not burst afterwards."""
    clock = Clock()
    pace = Pace(100.0, clock=clock, sleep=clock.sleep)
    await pace.spend(100)
    clock.now = 60.0
    await pace.spend(100)
    await pace.spend(100)
    assert clock.now == 61.0


async def test_without_a_rate_nobody_waits():
    """None is no limit."""
    clock = Clock()
    await Pace(None, clock=clock, sleep=clock.sleep).spend(10**12)
    assert clock.now == 0.0


def test_only_what_lies_elsewhere_is_moved():
    """Another order is no move; each object of a blob is looked at by itself."""
    blob = samples.ready_image().blob
    assert relocations(blob, lambda _: ("two", "one")) == []
    found = relocations(blob, lambda key: ("one", "three") if key == blob.key else ("one", "two"))
    assert [(move.stored.key, move.add, move.drop) for move in found] == [(blob.key, ("three",), ("two",))]


def test_objects_are_put_back_into_their_blob():
    """Placements and checksums, each where it belongs; the rest stays."""
    blob = samples.ready_image().blob
    assert with_objects(blob, {}) == blob
    stored = objects_of(blob)[1]
    changed = type(stored)(stored.key, "ab" * 32, stored.size, stored.content_type, ("nine",), stored.variant)
    again = with_objects(blob, {stored.key: changed})
    assert (again.derivatives[0].placement, again.derivatives[0].sha256) == (("nine",), "ab" * 32)
    assert again.derivatives[1:] == blob.derivatives[1:]


def test_bytes_are_right_by_size_and_checksum():
    """By size alone where nobody recorded a checksum."""
    blob = samples.blob(size=5, sha256=digest(b"12345"))
    (original,) = objects_of(blob)
    assert original.is_right(b"12345")
    assert not original.is_right(b"12346")
    assert not original.is_right(b"123456")
    assert type(original)(KEY, "", 5, "image/jpeg", ("one",)).is_right(b"54321")


class Stream:
    """Takes hints as it is told to."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.told = []

    async def __call__(self, hint):
        if self.errors:
            raise self.errors.pop(0)
        self.told.append((hint.key, hint.shard))


def reporter(clock):
    return DamageReporter(now=lambda: datetime(2026, 1, 2, tzinfo=UTC), new_id=uuid4, clock=clock)


async def test_damage_is_told_once_in_a_while():
    """However many reads meet it."""
    clock, stream = Clock(), Stream()
    report = reporter(clock)
    task = asyncio.create_task(report.run(stream))
    for _ in range(100):
        report.bad(KEY, "one")
    await becomes(lambda: stream.told, [(KEY, "one")])
    clock.now = damage.QUIET
    report.bad(KEY, "one")
    await becomes(lambda: len(stream.told), 2)
    task.cancel()


async def test_what_can_not_be_told_is_told_by_the_next_read():
    """A hint that got lost does not keep its copy quiet."""
    stream = Stream(Unavailable())
    report = reporter(Clock())
    task = asyncio.create_task(report.run(stream))
    report.bad(KEY, "one")
    report.bad(KEY, "two")
    await becomes(lambda: stream.told, [(KEY, "two")])
    report.bad(KEY, "one")
    await becomes(lambda: stream.told, [(KEY, "two"), (KEY, "one")])
    task.cancel()


def test_hints_are_bounded(monkeypatch):
    """Nobody listens, and memory does not grow."""
    monkeypatch.setattr(damage, "REMEMBERED", 3)
    report = reporter(Clock())
    for number in range(2 * damage.WAITING):
        report.bad(KEY, f"s{number}")
    assert report._waiting.qsize() == damage.WAITING
    assert len(report._told) == 3
