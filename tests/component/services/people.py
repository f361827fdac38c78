"""People for the tests of the services."""

from typing import NamedTuple

import httpx

AUTH = "/api/v1/auth"
KEYS = "/api/v1/api-keys"

PASSWORD = "seven wet horses"


class Person(NamedTuple):
    """Somebody who has logged in."""

    id: str
    email: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """What his requests carry."""
        return bearer(self.token)


def bearer(token: str) -> dict[str, str]:
    """The header with a token or key."""
    return {"Authorization": f"Bearer {token}"}


async def register(write: httpx.AsyncClient, email: str, password: str = PASSWORD) -> httpx.Response:
    """Asks for an account."""
    return await write.post(f"{AUTH}/register", json={"email": email, "password": password})


async def log_in(write: httpx.AsyncClient, email: str, password: str = PASSWORD) -> httpx.Response:
    """Asks for a token."""
    return await write.post(f"{AUTH}/login", json={"email": email, "password": password})


async def person(write: httpx.AsyncClient, email: str = "ann@example.com") -> Person:
    """A new account, logged in."""
    answer = await register(write, email)
    assert answer.status_code == 201, answer.text
    return await session(write, email)


async def session(write: httpx.AsyncClient, email: str) -> Person:
    """A session more."""
    answer = await log_in(write, email)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return Person(found["user"]["id"], found["user"]["email"], found["access_token"])


async def key(write: httpx.AsyncClient, owner: Person, *scopes: str, **more: object) -> str:
    """A new API key's secret."""
    answer = await write.post(KEYS, json={"name": "k", "scopes": scopes, **more}, headers=owner.headers)
    assert answer.status_code == 201, answer.text
    return answer.json()["key"]
