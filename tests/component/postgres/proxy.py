"""A wire between the driver and a server that can be cut at a chosen moment."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit


class Proxy:
    """Passes bytes on in both directions until told otherwise."""

    def __init__(self, address: str) -> None:
        """`address` is the connection string of a database."""
        self._server = urlsplit(address)
        self._wires: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._lose_request: bytes | None = None
        self._lose_answer: bytes | None = None
        self.address = ""
        self.cuts = 0

    def lose_request(self, word: bytes) -> None:
        """Cuts the connection instead of passing on the next message that holds `word`."""
        self._lose_request = word

    def lose_answer(self, word: bytes) -> None:
        """Passes on the next message that holds `word`, and cuts the connection instead of passing the answer back."""
        self._lose_answer = word

    def cut(self) -> None:
        """Cuts every connection now, without a farewell to either side."""
        for writer in self._writers:
            writer.transport.abort()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["Proxy"]:
        """Accepts connections at `address` meanwhile: the same database through the wire."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        user = self._server.netloc.rpartition("@")[0]
        self.address = self._server._replace(netloc=f"{user}@127.0.0.1:{port}", query="sslmode=disable").geturl()
        try:
            yield self
        finally:
            server.close()
            self.cut()
            await asyncio.gather(*self._wires)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._wires.add(task)
        with contextlib.suppress(OSError):
            server_reader, server_writer = await asyncio.open_connection(self._server.hostname, self._server.port)
            wire = _Wire(self, (writer, server_writer))
            self._writers |= {writer, server_writer}
            await asyncio.gather(wire.requests(reader, server_writer), wire.answers(server_reader, writer))
            self._writers -= {writer, server_writer}
        writer.transport.abort()
        self._wires.discard(task)

    def loses_request(self, message: bytes) -> bool:
        """Whether this is the message to be lost; only the first one is."""
        lost = self._lose_request is not None and self._lose_request in message
        if lost:
            self._lose_request = None
        return lost

    def loses_answer(self, message: bytes) -> bool:
        """Whether this is the message whose answer is to be lost; only the first one's is."""
        lost = self._lose_answer is not None and self._lose_answer in message
        if lost:
            self._lose_answer = None
        return lost


class _Wire:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]) -> None:
        self._proxy = proxy
        self._ends = ends
        self._answer_is_lost = False

    def _cut(self) -> None:
        for end in self._ends:
            end.transport.abort()

    async def requests(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while message := await reader.read(65536):
                if self._proxy.loses_request(message):
                    self._proxy.cuts += 1
                    break
                self._answer_is_lost = self._proxy.loses_answer(message)
                server.write(message)
        self._cut_unless_answering()

    def _cut_unless_answering(self) -> None:
        if not self._answer_is_lost:
            self._cut()

    async def answers(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while message := await reader.read(65536):
                if self._answer_is_lost:
                    self._proxy.cuts += 1
                    break
                client.write(message)
        self._cut()
