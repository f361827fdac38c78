"""A long poll ends in one of three ways, and each has its name."""

import asyncio

import pytest

from contracts.errors import Unavailable
from contracts.subjects import DERIVE
from infrastructure.nats import pull as pull_module
from infrastructure.nats.connection import open_nats
from infrastructure.nats.pull import ConsumerMissingError, PullError, SessionLostError, open_pull
from tests.component.nats.steps import config_for, connected, consumer_info, publish
from tests.events import make_event
from tests.eventually import becomes, eventually


@pytest.fixture
async def connection(config):
    async with connected(config) as connection:
        yield connection


async def test_a_quiet_poll_is_asked_again_when_its_time_is_over(connection, monkeypatch):
    """The server ends a request without a message; the poll goes on and gets the next one."""
    monkeypatch.setattr(pull_module, "EXPIRES", 0.2)
    monkeypatch.setattr(pull_module, "HEARTBEAT", 0.05)
    async with open_pull(connection.session(), connection.stream, DERIVE.name) as pull:
        waiting = asyncio.ensure_future(pull.next())
        await asyncio.wait([waiting], timeout=0.6)
        assert not waiting.done()
        await publish(connection, make_event())
        assert (await waiting).metadata.sequence.stream == 1


async def test_a_missing_consumer_is_told_apart(connection):
    """A poll of a consumer that doesn't exist says that it is missing, not that there is nothing."""
    async with open_pull(connection.session(), connection.stream, "nobody") as pull:
        with pytest.raises(ConsumerMissingError):
            await pull.next()


async def test_what_the_server_refuses_ends_the_poll(connection):
    """A poll that the server ends for a reason of its own says which."""
    async with open_pull(connection.session(), connection.stream, DERIVE.name) as pull:
        status = {"Status": "409", "Description": "Leadership Change"}
        await connection.session().client.publish(pull._inbox, b"", headers=status)
        with pytest.raises(PullError, match="Leadership Change"):
            await pull.next()


async def test_silence_ends_the_poll(connection, monkeypatch):
    """Without the server's heartbeats a poll is not trusted any longer."""
    monkeypatch.setattr(pull_module, "SILENCE", 0.05)
    async with open_pull(connection.session(), connection.stream, DERIVE.name) as pull:
        with pytest.raises(PullError, match="silent"):
            await pull.next()


async def test_a_message_that_nobody_took_is_given_back(connection):
    """What arrived for a poll that is closed can be delivered to another at once."""
    await publish(connection, make_event())
    async with open_pull(connection.session(), connection.stream, DERIVE.name) as pull:
        await pull._ask()
        await becomes(pull._arrived.qsize, 1)
    async with open_pull(connection.session(), connection.stream, DERIVE.name) as pull:
        async with asyncio.timeout(DERIVE.ack_wait / 2):
            message = await pull.next()
        assert message.metadata.num_delivered == 2
        await message.ack()


async def test_a_poll_on_a_lost_session_ends(server):
    """Waiting, asking and opening all say that the connection is gone, and so does everything else."""
    async with open_nats(config_for(server)) as connection:
        session = connection.session()
        async with open_pull(session, connection.stream, DERIVE.name) as pull:
            waiting = asyncio.ensure_future(pull.next())
            await eventually_waiting(connection)
            server.kill()
            with pytest.raises(SessionLostError):
                await waiting
            with pytest.raises(SessionLostError):
                await pull.next()
        with pytest.raises(SessionLostError):
            async with open_pull(session, connection.stream, DERIVE.name):
                pass
        with pytest.raises(Unavailable):
            await connection.redeclare()
        with pytest.raises(Unavailable):
            await connection.send("subject", b"", within=0.05)
        told = []
        session.watch(lambda: told.append("at once"))
        assert told == ["at once"]


async def eventually_waiting(connection):
    """Waits until the server has the poll."""

    async def waits():
        assert (await consumer_info(connection, DERIVE)).num_waiting == 1

    await eventually(waits)
