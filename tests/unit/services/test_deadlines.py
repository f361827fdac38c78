"""No change waits for ever."""

import asyncio
from functools import partial
from uuid import UUID

import httpx
import pytest

from contracts.errors import OutcomeUnknown
from contracts.principals import CredentialKind, Principal, Scope
from services.shared.apps import litestar_app
from services.shared.clock import utc_now
from services.write.gate import Gate
from services.write.http import accounts, images, keys, links, sessions, uploads
from services.write.http.app import routes
from services.write.http.budget import budget
from tests.pictures import jpeg

LOGIN = {"email": "ann@example.com", "password": "seven wet horses"}
ID = UUID(int=1)
IMAGE = f"/api/v1/images/{ID}"
CHANGES = {
    ("POST", "/api/v1/images/upload"): {"files": {"file": ("a.jpg", jpeg(4, 4))}},
    ("PATCH", IMAGE): {"json": {"filename": "b.jpg"}},
    ("DELETE", IMAGE): {},
    ("POST", f"{IMAGE}/restore"): {},
    ("POST", f"{IMAGE}/links"): {"json": {}},
    ("DELETE", f"{IMAGE}/links"): {},
    ("POST", "/api/v1/auth/register"): {"json": LOGIN},
    ("POST", "/api/v1/auth/login"): {"json": LOGIN},
    ("POST", "/api/v1/auth/logout"): {},
    ("POST", "/api/v1/auth/password"): {"json": {"current_password": "one", "new_password": "two"}},
    ("DELETE", "/api/v1/auth/me"): {"json": {"password": "seven wet horses"}},
    ("POST", "/api/v1/api-keys"): {"json": {"name": "backup", "scopes": ["images:read"]}},
    ("DELETE", f"/api/v1/api-keys/{ID}"): {},
}


async def hang(*_, **__):
    """A use case that waits for something that never comes."""
    await asyncio.sleep(3600)


async def session(_):
    """Somebody who has logged in."""
    return Principal(ID, ID, CredentialKind.SESSION, frozenset(Scope))


async def let_in(_):
    """Anybody may upload."""


@pytest.fixture
def app(monkeypatch):
    """The write service's routes over use cases that hang, with hardly any time for a change."""
    for module in (accounts, images, keys, links, sessions, uploads):
        monkeypatch.setattr(module, "budget", partial(budget, 0.01))
    return litestar_app(
        routes(
            identify=session,
            uploads=uploads.UploadCases(let_in, hang, Gate(uploads=1, size=1 << 30), max_file_size=1 << 20),
            images=images.ImageCases(hang, hang, hang, utc_now),
            accounts=accounts.AccountCases(hang, hang, hang),
            sessions=sessions.SessionCases(hang, hang),
            keys=keys.KeyCases(hang, hang, utc_now),
            links=links.LinkCases(hang, hang),
            dependencies=(),
        )
    )


def test_every_change_is_on_the_list(app):
    """A route that is not would not be tried."""
    changing = [method for route in app.routes for method in route.methods if method not in {"GET", "HEAD", "OPTIONS"}]
    assert len(changing) == len(CHANGES)


@pytest.mark.parametrize("call", CHANGES, ids=" ".join)
async def test_a_change_that_takes_too_long_has_an_unknown_outcome(app, call):
    """The answer says so, before the gateway gives up."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://write") as client:
        answer = await client.request(*call, **CHANGES[call])
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["detail"] == OutcomeUnknown.sentence
