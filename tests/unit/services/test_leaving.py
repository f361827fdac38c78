"""What becomes of connections when a process ends."""

import asyncio
import contextlib
import socket
from functools import partial

import pytest
import uvicorn

from services.shared.protocol import Protocol
from tests.eventually import eventually

REQUEST = b"DELETE / HTTP/1.1\r\nHost: test\r\n\r\n"


async def answer(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@contextlib.asynccontextmanager
async def served(linger):
    """A server, its address, and a way to ask it to end."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        answer, http=partial(Protocol, linger=linger), ws="none", lifespan="off", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield server, listening.getsockname()
    finally:
        server.should_exit = True
        await serving


async def ask(reader, writer):
    writer.write(REQUEST)
    return await reader.readuntil(b"\r\n\r\n")


async def test_connection_that_waits_is_answered_once_more_and_told_to_close():
    """The server lets nobody new in, and still takes the request that was already on its way."""
    async with served(linger=20) as (server, address):
        reader, writer = await asyncio.open_connection(*address)
        assert b"connection" not in await ask(reader, writer)
        server.should_exit = True

        def lets_nobody_in() -> None:
            assert not any(listener.is_serving() for listener in server.servers)

        await eventually(lets_nobody_in)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)
        assert b"\r\nconnection: close\r\n" in await ask(reader, writer)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("linger", [0, 0.1])
async def test_connection_without_a_request_is_closed_in_the_end(linger):
    """At once, or after the time that is given to it."""
    async with served(linger) as (server, address):
        reader, writer = await asyncio.open_connection(*address)
        await ask(reader, writer)
        server.should_exit = True
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
