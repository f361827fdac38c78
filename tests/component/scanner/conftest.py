"""Scanners: a real clamd where there is one, and servers that misbehave as no real one can be made to."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest

from deploy.local.ports import choose
from infrastructure.scanner.scanner import ScannerFailed
from tests.eventually import eventually

MARK = b"CHITRAM-TEST-SIGNATURE-7f3a"
"""What the real clamd is told to find, wherever it stands in a file."""

FOUND = "Chitram.Test.UNOFFICIAL"
CLAMD = shutil.which("clamd") or shutil.which("clamd", path="/usr/sbin:/usr/local/sbin")

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module")
def clamd(tmp_path_factory) -> Iterator[str]:
    """Address of a clamd that knows one signature, our own."""
    if CLAMD is None:
        pytest.skip("needs clamd: install the distribution's clamav-daemon")
    directory = tmp_path_factory.mktemp("clamd")
    (directory / "own.ndb").write_text(f"Chitram.Test:0:*:{MARK.hex()}\n")
    (port,) = choose(1)
    config = directory / "clamd.conf"
    config.write_text(
        f"Foreground yes\nDatabaseDirectory {directory}\nTCPSocket {port}\nTCPAddr 127.0.0.1\nStreamMaxLength 2M\n"
    )
    process = subprocess.Popen((CLAMD, "-c", config), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield f"clamd://127.0.0.1:{port}"
    process.terminate()
    process.wait()


@pytest.fixture
async def serving() -> AsyncIterator[Callable[[Answer], Awaitable[int]]]:
    """Starts a server that answers each connection in its own way, and gives its port."""
    async with AsyncExitStack() as stack:

        async def start(answer: Answer) -> int:
            async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                try:
                    await answer(reader, writer)
                finally:
                    writer.close()

            server = await stack.enter_async_context(await asyncio.start_server(handle, "127.0.0.1", 0))
            return int(server.sockets[0].getsockname()[1])

        yield start


async def answers(scanner) -> None:
    """Returns when a scanner that was just started is there."""

    async def is_there() -> None:
        try:
            await scanner.ping()
        except ScannerFailed as error:
            raise AssertionError from error

    await eventually(is_there)
