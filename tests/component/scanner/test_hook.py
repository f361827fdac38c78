"""A scanner behind HTTP."""

import io
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from infrastructure.scanner.config import ScannerConfig
from infrastructure.scanner.open import open_scanner
from infrastructure.scanner.scanner import ScannerFailed

PATHS = {
    "/infected": (200, '{"clean": false, "finding": "Worm"}'),
    "/nameless": (200, '{"clean": false}'),
    "/page": (200, "<html>Please log in.</html>"),
    "/empty": (200, ""),
    "/other": (200, '{"ok": true}'),
    "/none": (204, ""),
    "/moved": (302, ""),
    "/broken": (500, '{"clean": true}'),
}


class Seen:
    """What a hook was sent."""

    body = b""
    length: int | None = None
    authorization: str | None = None


@pytest.fixture
async def hook() -> AsyncIterator[tuple[str, Seen]]:
    """Address of a server that answers by path; the root finds whatever begins with `bad`."""
    seen = Seen()

    async def answer(request: web.Request) -> web.Response:
        seen.body, seen.length = await request.read(), request.content_length
        seen.authorization = request.headers.get("authorization")
        if request.path in PATHS:
            status, text = PATHS[request.path]
            return web.Response(status=status, text=text, headers={"location": "/"} if status == 302 else {})
        return web.json_response({"clean": not seen.body.startswith(b"bad"), "finding": "Bad.Words"})

    app = web.Application(client_max_size=32 << 20)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://user:secret@127.0.0.1:{runner.addresses[0][1]}", seen
    await runner.cleanup()


async def asked(address: str, data: bytes = b"bytes") -> str | None:
    async with open_scanner(ScannerConfig(address=address, timeout=7)) as scanner:
        return await scanner.scan(io.BytesIO(data))


async def test_the_hook_is_sent_the_bytes_and_believed(hook):
    """Whole, with their length, and with the credentials that the address has."""
    address, seen = hook
    data = bytes(range(256)) * 2000
    assert await asked(address, data) is None
    assert (seen.body, seen.length) == (data, len(data))
    assert seen.authorization.startswith("Basic ")
    assert await asked(address, b"bad" + data) == "Bad.Words"
    assert await asked(f"{address}/infected") == "Worm"
    assert await asked(f"{address}/nameless") == "malware"
    async with open_scanner(ScannerConfig(address=address)) as scanner:
        await scanner.ping()


@pytest.mark.parametrize("path", ["/page", "/empty", "/other", "/none", "/moved", "/broken"])
async def test_whatever_is_no_verdict_is_a_failure(hook, path):
    """A page that says 200 for another reason makes no file clean."""
    with pytest.raises(ScannerFailed):
        await asked(hook[0] + path)


async def test_a_hook_that_is_not_there_or_hangs_has_failed(serving):
    """At the latest at the deadline."""

    async def hangs(reader, writer):
        await reader.read()

    with pytest.raises(ScannerFailed):
        await asked("http://127.0.0.1:1/")
    port = await serving(hangs)
    async with open_scanner(ScannerConfig(address=f"http://127.0.0.1:{port}/", timeout=0.2)) as scanner:
        with pytest.raises(ScannerFailed, match="no answer within"):
            await scanner.scan(io.BytesIO(b"bytes"))
