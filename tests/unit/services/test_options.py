"""What an address can do is said by whichever service is asked."""

import pytest

from services.shared.answers import Answer
from services.shared.options import Options

APP = Options(Answer(200, [], b"the application"))
IMAGE = "/api/v1/images/018f0000-0000-7000-8000-000000000000"


async def ask(method, path):
    """The status and the headers of an answer."""
    started = []

    async def send(message):
        started.append(message)

    await APP({"type": "http", "method": method, "path": path, "headers": []}, None, send)
    return started[0]["status"], dict(started[0]["headers"])


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (IMAGE, b"GET, HEAD, PATCH, DELETE, OPTIONS"),
        (f"{IMAGE}/file", b"GET, HEAD, OPTIONS"),
        ("/api/v1/auth/login", b"POST, OPTIONS"),
    ],
)
async def test_an_address_has_the_methods_of_both_services(path, allowed):
    """Reads and changes alike."""
    status, headers = await ask("OPTIONS", path)
    assert (status, headers[b"allow"]) == (204, allowed)


@pytest.mark.parametrize(("method", "path"), [("GET", IMAGE), ("OPTIONS", "/nowhere")])
async def test_everything_else_is_for_the_application(method, path):
    """Also addresses that are nobody's."""
    assert (await ask(method, path))[0] == 200
