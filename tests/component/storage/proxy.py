"""A TCP proxy that can be told to misbehave: what stands behind it is a real server."""

import asyncio
from contextlib import suppress


class Proxy:
    """Passes bytes on, until it is told to refuse, to hang or to cut."""

    def __init__(self, target: str, port: int = 0) -> None:
        """Will listen on the port, or on any; of any, somebody else may take it while this one refuses."""
        host, _, of_target = target.rpartition(":")
        self._target = (host, int(of_target))
        self._open = asyncio.Event()
        self._open.set()
        self._server: asyncio.Server | None = None
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._answer = b""
        self._limit = 0
        self._rate = 0
        self._cuts = 0
        self.connections = 0

    @property
    def endpoint(self) -> str:
        """`host:port` to connect to; the same over refusing and letting in again."""
        return f"127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Lets in."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """As a server that is not running."""
        if self._server:
            self._server.close()
            self.cut()
            await self._server.wait_closed()

    def cut(self) -> None:
        """Closes the connections there are; new ones are let in."""
        self._cuts += 1
        for writer in self._writers:
            writer.close()

    def hang(self) -> None:
        """As a stopped process: connects, takes bytes into its buffers, never answers."""
        self._open.clear()

    def resume(self) -> None:
        """Passes on again, beginning with what waited."""
        self._open.set()

    def answer(self, answer: bytes) -> None:
        """Says this to every request instead of passing it on, and closes."""
        self._answer = answer
        self.cut()

    def truncate(self, limit: int) -> None:
        """Lets this many bytes of an answer through and closes."""
        self._limit = limit
        self.cut()

    def slow_down(self, rate: int) -> None:
        """Passes on so many bytes a second."""
        self._rate = rate

    async def close(self) -> None:
        """Ends everything."""
        self.resume()
        await self.refuse()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self.connections += 1
        with suppress(OSError, asyncio.CancelledError):
            if self._answer:
                await self._reply(reader, writer)
            else:
                await self._connect(reader, writer)
        self._tasks.discard(task)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cuts = self._cuts
        behind_reader, behind_writer = await asyncio.open_connection(*self._target)
        if cuts != self._cuts:  # cut while it was being made
            writer.close()
            behind_writer.close()
            return
        self._writers |= {writer, behind_writer}
        await asyncio.gather(self._pump(reader, behind_writer), self._pump(behind_reader, writer, self._limit))

    async def _reply(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self._answer)
        await writer.drain()
        writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int = 0) -> None:
        left = limit
        with suppress(OSError):
            while data := await reader.read(self._rate // 20 or left or 65536):
                await self._open.wait()
                if self._rate:
                    await asyncio.sleep(0.05)
                writer.write(data)
                await writer.drain()
                if limit:
                    left -= len(data)
                    if not left:
                        break
        writer.close()
        self._writers.discard(writer)
