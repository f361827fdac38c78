"""Everything in NATS can be forgotten, once nobody lives by it."""

from contracts.errors import Refused
from infrastructure.nats.connection import open_nats
from infrastructure.nats.forget import forget, require_no_readers
from tests.component.nats.steps import connected
from tests.component.nats.test_lease import Reader
from tests.eventually import eventually


async def test_streams_are_forgotten_and_made_anew(config):
    """Whoever connects next makes them; forgetting twice is no harm."""
    async with open_nats(config, consumers=()) as nats:
        js = nats.session().js
        before = (await js.stream_info(nats.stream)).created
        await require_no_readers(nats)
        await forget(nats)
        await forget(nats)
        await nats.redeclare()
        assert (await js.stream_info(nats.stream)).created > before


async def test_nothing_is_forgotten_under_a_reader(config):
    """One that renews its lease is at work."""

    async def refused():
        try:
            await require_no_readers(nats)
        except Refused:
            return
        raise AssertionError("nobody was noticed")

    async with connected(config) as nats:
        reader = Reader()
        async with reader.follow(nats) as tail, reader.open(nats, tail):
            await eventually(refused)
