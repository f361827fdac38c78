"""What can't be published holds nothing else up."""

from contextlib import asynccontextmanager
from uuid import uuid4

import msgspec
import pytest

from contracts.errors import Unavailable
from contracts.events import EventTooLarge, encode, event_type
from services.worker.relay import BATCH, relay
from tests.events import make_event


class Row(msgspec.Struct, frozen=True):
    id: object
    type: str
    payload: bytes
    lsn: str = "0/1"


def row() -> Row:
    event = make_event()
    return Row(event.id, event_type(event), encode(event))


class Work:
    """An outbox, a stream and a quarantine, and everything that is told to them in its order."""

    def __init__(self, *rows: Row) -> None:
        self.waiting = list(rows)
        self.errors: dict = {}
        self.told: list = []

    @asynccontextmanager
    async def claim(self, limit):
        self.rows = tuple(self.waiting[:limit])
        yield self

    async def mark_published(self, ids):
        self._take("published", ids)

    async def set_aside(self, ids):
        self._take("set aside", ids)

    def _take(self, how, ids):
        self.told += [(how, each) for each in ids]
        self.waiting = [each for each in self.waiting if each.id not in ids]

    async def insert(self, given_up):
        self.told.append(("kept", given_up.id))
        self.kept = given_up

    async def publish(self, each):
        if each.id in self.errors:
            raise self.errors[each.id]

    async def relay(self) -> int:
        return await relay(outbox=self, publish=self.publish, keeper=self)


async def test_what_the_stream_never_takes_is_set_aside_and_the_rest_goes_on():
    """However many of them come first; each is kept with the reason before it is passed over."""
    hopeless, good = [row() for _ in range(BATCH)], row()
    work = Work(*hopeless, good)
    work.errors = {each.id: EventTooLarge("more than NATS takes") for each in hopeless}
    assert await work.relay() == BATCH
    assert work.waiting == [good]
    assert work.told == [("kept", each.id) for each in hopeless] + [("set aside", each.id) for each in hopeless]
    assert (work.kept.consumer, work.kept.reason, work.kept.type) == ("relay", "more than NATS takes", good.type)
    assert work.kept.event.id == hopeless[-1].id
    assert await work.relay() == 1
    assert work.told[-1] == ("published", good.id)


@pytest.mark.parametrize("error", [Unavailable(), RuntimeError("a mistake of ours"), ValueError("another one")])
async def test_what_may_be_published_later_stays(error):
    """The others of its batch are published all the same."""
    first, second = row(), row()
    work = Work(first, second)
    work.errors = {first.id: error}
    with pytest.raises(type(error)):
        await work.relay()
    assert (work.told, work.waiting) == ([("published", second.id)], [first])


async def test_what_can_not_be_decoded_is_set_aside_too():
    """It is about nobody."""
    broken = Row(uuid4(), "image.strange.v9", b"{}")
    work = Work(broken)
    work.errors = {broken.id: EventTooLarge("more than NATS takes")}
    assert await work.relay() == 1
    assert (work.kept.event, work.kept.payload) == (None, b"{}")
