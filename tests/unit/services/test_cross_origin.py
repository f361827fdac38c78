"""Which pages may read answers."""

import msgspec
import pytest

from infrastructure import env
from services.shared.answers import Answer
from services.shared.cross_origin import CrossOrigin
from services.shared.origins import CrossOriginConfig

GALLERY = "https://gallery.example"
FILE = "/api/v1/images/018f0000-0000-7000-8000-000000000000/file"
APP = CrossOrigin(Answer(200, [(b"vary", b"accept")], b"body"), CrossOriginConfig((GALLERY,)))


async def ask(method: str = "GET", path: str = FILE, **headers: str) -> tuple[int, dict[str, str]]:
    """The status and the headers of an answer; those that come twice are joined, as HTTP has it."""
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    started = []

    async def send(message):
        started.append(message)

    await APP({"type": "http", "method": method, "path": path, "headers": sent}, None, send)
    found: dict[str, str] = {}
    for name, value in started[0]["headers"]:
        found[name.decode()] = ", ".join(filter(None, (found.get(name.decode()), value.decode())))
    return started[0]["status"], found


async def test_pages_of_a_listed_origin_may_read_answers():
    """With the headers that programs need, and never with cookies."""
    _, headers = await ask(origin=GALLERY)
    assert headers["access-control-allow-origin"] == GALLERY
    assert "x-consistency-token" in headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in headers
    assert headers["vary"] == "accept, origin"


@pytest.mark.parametrize("origin", ["https://gallery.example.evil", "http://gallery.example", "null", ""])
async def test_others_may_not(origin):
    """Only an exact match counts; caches are told that it depends on who asks."""
    status, headers = await ask(origin=origin)
    assert status == 200
    assert "access-control-allow-origin" not in headers
    assert "origin" in headers["vary"]


async def test_browsers_are_told_beforehand_what_they_may_send():
    """Whichever service the address belongs to."""
    status, headers = await ask("OPTIONS", origin=GALLERY, access_control_request_method="GET")
    assert (status, headers["access-control-allow-methods"]) == (204, "GET, HEAD")
    assert "authorization" in headers["access-control-allow-headers"]
    status, headers = await ask("OPTIONS", origin="https://evil.example", access_control_request_method="GET")
    assert (status, "access-control-allow-methods" in headers) == (200, False)


def test_origins_are_listed_exactly():
    """A star, a path or a pattern stops the start and names the variable."""
    assert env.read(CrossOriginConfig, {"CHITRAM_CORS_ORIGINS": f"{GALLERY}, http://localhost:3000"}).origins == (
        GALLERY,
        "http://localhost:3000",
    )
    for wrong in ("*", f"{GALLERY}/", "https://*.example"):
        with pytest.raises(env.ConfigError, match="CHITRAM_CORS_ORIGINS"):
            env.read(CrossOriginConfig, {"CHITRAM_CORS_ORIGINS": wrong})
    assert msgspec.structs.asdict(env.read(CrossOriginConfig, {})) == {"origins": ()}
