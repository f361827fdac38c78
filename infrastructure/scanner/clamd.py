"""ClamAV's daemon: INSTREAM, as its manual page describes it.

The command is followed by pieces, each behind its length in four bytes; an empty one ends the stream. The daemon
answers in one line. When a stream is longer than its StreamMaxLength it does so before the end, and hangs up.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import BinaryIO

from infrastructure.scanner.scanner import PIECE, ScannerFailed

_MAX_REPLY = 4096

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Clamd:
    """`Scanner` by a clamd at a host and port, or at a socket of this machine when `host` is empty."""

    def __init__(self, host: str, port: int, path: str, *, timeout: float) -> None:
        self._host = host
        self._port = port
        self._path = path
        self._timeout = timeout

    async def scan(self, file: BinaryIO) -> str | None:
        """`Scanner.scan`."""
        file.seek(0)
        async with self._connection() as (reader, writer):
            # What was found early is told early: the answer counts, not that the rest could not be sent.
            with suppress(ConnectionError):
                await _send(writer, file)
            reply = await _reply(reader)
        if reply == "stream: OK":
            return None
        if reply.startswith("stream: ") and reply.endswith(" FOUND"):
            return reply.removeprefix("stream: ").removesuffix(" FOUND")
        raise ScannerFailed(f"clamd says {reply!r}")

    async def ping(self) -> None:
        """`Scanner.ping`."""
        async with self._connection() as (reader, writer):
            writer.write(b"zPING\0")
            reply = await _reply(reader)
        if reply != "PONG":
            raise ScannerFailed(f"clamd says {reply!r}")

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Streams]:
        """One connection for one command. Whatever goes wrong with it is `ScannerFailed`."""
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(self._timeout):
                reader, writer = await self._connect()
                yield reader, writer
        except TimeoutError:
            raise ScannerFailed(f"no answer within {self._timeout:g} s") from None
        except (OSError, EOFError) as error:
            raise ScannerFailed(f"{type(error).__name__}: {error}") from error
        finally:
            if writer is not None:
                writer.transport.abort()

    async def _connect(self) -> Streams:
        if self._host:
            return await asyncio.open_connection(self._host, self._port)
        return await asyncio.open_unix_connection(self._path)


async def _send(writer: asyncio.StreamWriter, file: BinaryIO) -> None:
    writer.write(b"zINSTREAM\0")
    while piece := file.read(PIECE):
        writer.write(len(piece).to_bytes(4, "big") + piece)
        await writer.drain()
    writer.write(bytes(4))
    await writer.drain()


async def _reply(reader: asyncio.StreamReader) -> str:
    """One answer, without the zero byte that ends it. Raises `EOFError` when there is none."""
    reply = b""
    while not reply.endswith(b"\0"):
        if len(reply) > _MAX_REPLY or not (more := await reader.read(_MAX_REPLY)):
            raise EOFError("the answer has no end")
        reply += more
    return reply[:-1].decode("utf-8", "replace").strip()
