"""A clamd is asked about bytes: a real one, and such as break off, hang or talk nonsense."""

import asyncio
import io
from tempfile import TemporaryFile

import pytest

from infrastructure.scanner.config import ScannerConfig
from infrastructure.scanner.open import open_scanner
from infrastructure.scanner.scanner import ScannerFailed
from tests.component.scanner.conftest import FOUND, MARK, answers


async def asked(address: str, data: bytes = b"bytes", within: float = 20.0) -> str | None:
    """What is found in some bytes."""
    async with open_scanner(ScannerConfig(address=address, timeout=within)) as scanner:
        return await scanner.scan(io.BytesIO(data))


async def test_a_real_clamd_finds_what_it_knows_and_nothing_else(clamd):
    """In small files and in such as take many pieces, in memory and on disk."""
    async with open_scanner(ScannerConfig(address=clamd, timeout=60)) as scanner:
        await answers(scanner)
        assert await scanner.scan(io.BytesIO(b"nothing")) is None
        assert await scanner.scan(io.BytesIO(b"something: " + MARK)) == FOUND
        with TemporaryFile() as file:
            file.write(bytes(1_500_000) + MARK)
            assert await scanner.scan(file) == FOUND
        found = await asyncio.gather(*(scanner.scan(io.BytesIO(MARK * (n % 2) + b"x")) for n in range(20)))
        assert found == [None, FOUND] * 10


async def test_a_file_longer_than_a_real_clamd_takes_has_no_verdict(clamd):
    """It says so before the end and hangs up; that is not taken for a broken connection."""
    async with open_scanner(ScannerConfig(address=clamd, timeout=60)) as scanner:
        await answers(scanner)
        with pytest.raises(ScannerFailed):
            await scanner.scan(io.BytesIO(bytes(5 << 20)))


async def whole_stream(reader: asyncio.StreamReader) -> bytes:
    """The bytes of an INSTREAM."""
    assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
    data = b""
    while length := int.from_bytes(await reader.readexactly(4), "big"):
        data += await reader.readexactly(length)
    return data


async def test_the_file_is_streamed_from_its_beginning(serving):
    """Wherever it has been read to."""
    heard = []

    async def answer(reader, writer):
        heard.append(await whole_stream(reader))
        writer.write(b"stream: OK\0")

    port = await serving(answer)
    data = bytes(range(256)) * 1000
    file = io.BytesIO(data)
    file.seek(0, io.SEEK_END)
    async with open_scanner(ScannerConfig(address=f"clamd://127.0.0.1:{port}", timeout=20)) as scanner:
        assert await scanner.scan(file) is None
    assert heard == [data]


async def test_a_socket_of_the_machine_will_do(tmp_path):
    """As Debian sets clamd up."""

    async def answer(reader, writer):
        await whole_stream(reader)
        writer.write(b"stream: Worm FOUND\0")
        writer.close()

    path = tmp_path / "clamd.ctl"
    async with await asyncio.start_unix_server(answer, path):
        assert await asked(f"clamd://{path}") == "Worm"


async def says(what: bytes, reader, writer) -> None:
    await whole_stream(reader)
    writer.write(what)


async def hangs(reader, writer) -> None:
    await reader.read()


async def hangs_up(reader, writer) -> None:
    """At once."""


async def objects(reader, writer) -> None:
    await reader.read(100)
    writer.write(b"INSTREAM size limit exceeded. ERROR\0")


BAD = {
    "error": lambda *streams: says(b"stream: Can't open file ERROR\0", *streams),
    "nonsense": lambda *streams: says(b"\xff\xfe\0", *streams),
    "endless": lambda *streams: says(b"x" * 100_000, *streams),
    "cut": lambda *streams: says(b"stream: O", *streams),
    "empty": lambda *streams: says(b"", *streams),
    "hangs up": hangs_up,
    "objects": objects,
}


@pytest.mark.parametrize("how", BAD)
async def test_whatever_is_no_verdict_is_a_failure(serving, how):
    """Nothing but the two answers that are verdicts counts as one."""
    port = await serving(BAD[how])
    with pytest.raises(ScannerFailed):
        await asked(f"clamd://127.0.0.1:{port}", bytes(1 << 20))


async def test_nobody_waits_longer_than_the_deadline(serving):
    """A scanner that hangs has failed."""
    port = await serving(hangs)
    with pytest.raises(ScannerFailed, match="no answer within"):
        await asked(f"clamd://127.0.0.1:{port}", within=0.2)
    async with open_scanner(ScannerConfig(address=f"clamd://127.0.0.1:{port}", timeout=0.2)) as scanner:
        with pytest.raises(ScannerFailed, match="no answer within"):
            await scanner.ping()


async def test_a_scanner_that_is_not_there_has_failed():
    """At a port that nobody listens on, and at no socket."""
    for address in ("clamd://127.0.0.1:1", "clamd:///nowhere/clamd.ctl"):
        with pytest.raises(ScannerFailed):
            await asked(address)


async def test_a_ping_is_answered_with_pong(serving):
    """And with nothing else."""

    async def answer(reader, writer):
        assert await reader.readuntil(b"\0") == b"zPING\0"
        writer.write(next(replies))

    replies = iter((b"PONG\0", b"PING\0"))
    port = await serving(answer)
    async with open_scanner(ScannerConfig(address=f"clamd://127.0.0.1:{port}", timeout=20)) as scanner:
        await scanner.ping()
        with pytest.raises(ScannerFailed, match="PING"):
            await scanner.ping()
