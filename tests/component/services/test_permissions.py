"""The table in docs/permissions.md is what the services do."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx

from services.read.main import open_app as open_read
from services.shared.addresses import ADDRESSES
from services.worker.main import open_app as open_worker
from services.write.main import open_app as open_write
from tests.component.services.looking import IMAGES, rows
from tests.component.services.people import AUTH, KEYS, PASSWORD, Person, bearer, key, person, session
from tests.eventually import eventually
from tests.pictures import jpeg

TABLE = Path(__file__).parents[3] / "docs" / "permissions.md"
LIMITS = {"CHITRAM_LOGINS": "1000", "CHITRAM_NETWORK_LOGINS": "1000", "CHITRAM_REGISTRATIONS": "1000"}
SIGNED = "signed link"
OPEN = ("public", "unlisted", "private")
OPENED = {"": "view", "/file": "file", "/thumbnails/small": "small"}
"""Which part of an image is opened by a link, by what follows its path."""


def table() -> Iterator[tuple[str, str, dict[str, int]]]:
    """Method, address and the status for each caller, as the document has them."""
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("|")]
    _, *callers = (cell.strip() for cell in lines[0].strip("|").split("|"))
    for line in lines[2:]:
        call, *cells = (cell.strip(" `") for cell in line.strip("|").split("|"))
        method, address = call.split(" ")
        yield method, address, dict(zip(callers, map(int, cells), strict=True))


def test_every_address_of_the_api_is_in_the_table():
    """With each of its methods, HEAD being like GET."""
    asked = {(method, address.partition("?")[0]) for method, address, _ in table()}
    patterns = [(method, re.sub(r"\{\w+\}", "[^/]+", path)) for method, path in asked]
    for path, methods in ADDRESSES.items():
        sample = re.sub(r"\{\w+\}", "x", path).replace("thumbnails/x", "thumbnails/small")
        if path == "/docs/{name}":
            continue
        for method in set(methods) - {"HEAD"}:
            assert any(method == known and re.fullmatch(pattern, sample) for known, pattern in patterns), (method, path)


class World:
    """Callers and their things; what a call destroys is made anew for each."""

    def __init__(self, write: httpx.AsyncClient, read: httpx.AsyncClient, database) -> None:
        self.write, self.read, self._database = write, read, database
        self._made = 0
        self.callers: dict[str, dict[str, str]] = {}

    async def populate(self) -> None:
        """Everybody whom the table knows."""
        self.owner, other = await self.newcomer(), await self.newcomer()
        root = await self.newcomer()
        await rows(self._database, "UPDATE users SET is_admin = true WHERE email = $1", root.email)
        expired, revoked = await session(self.write, self.owner.email), await session(self.write, self.owner.email)
        await self.write.post(f"{AUTH}/logout", headers=revoked.headers)
        await rows(
            self._database,
            "UPDATE credentials SET expires_at = now() WHERE token_hash = sha256($1::text::bytea)",
            expired.token,
        )
        self.callers = {
            "anonymous": {},
            "owner": self.owner.headers,
            "another user": other.headers,
            "read key": bearer(await key(self.write, self.owner, "images:read")),
            "write key": bearer(await key(self.write, self.owner, "images:write")),
            "admin": (await session(self.write, root.email)).headers,
            "expired": expired.headers,
            "revoked": revoked.headers,
            SIGNED: {},
        }
        self.things = {name: await self.thing(name) for name in (*OPEN, "trashed")}
        self.things["absent"] = f"{self.things['private'][:-6]}ffffff"

    async def newcomer(self) -> Person:
        """Somebody more."""
        self._made += 1
        return await person(self.write, f"p{self._made}@example.com")

    async def thing(self, name: str) -> str:
        """Id of a new image of the owner, with this visibility or trashed, of an anonymous one, or of his new key."""
        if name == "key":
            body = {"name": "k", "scopes": ["images:read"]}
            return (await self.write.post(KEYS, json=body, headers=self.owner.headers)).json()["id"]
        headers = self.owner.headers if name != "anonymous" else {}
        fields = {"visibility": name} if name in OPEN else {}
        files = {"file": ("a.jpg", jpeg(8, 8))}
        made = (await self.write.post(f"{IMAGES}/upload", files=files, data=fields, headers=headers)).json()["id"]
        if name == "trashed":
            await self.write.delete(f"{IMAGES}/{made}", headers=headers)
        return made

    async def call(self, method: str, address: str, caller: str) -> httpx.Response:
        """Makes one call as one caller, with a body that would be right."""
        headers = self.callers[caller]
        for name in re.findall(r"\{(\w+)\}", address):
            lasting = method in {"GET", "HEAD"} or name == "absent"
            address = address.replace(f"{{{name}}}", self.things[name] if lasting else await self.thing(name))
        if address in {f"{AUTH}/password", f"{AUTH}/logout"} or (method, address) == ("DELETE", f"{AUTH}/me"):
            headers = await self._expendable(caller)
        if caller == SIGNED:
            address = await self._signed(address)
        return await (self.read if method in {"GET", "HEAD"} else self.write).request(
            method, address, headers=headers, **await self._body(method, address.partition("?")[0])
        )

    async def _expendable(self, caller: str) -> dict[str, str]:
        """A session of a new account, where the caller has one that the call would end."""
        return (await self.newcomer()).headers if caller in {"owner", "another user", "admin"} else self.callers[caller]

    async def _signed(self, address: str) -> str:
        """The address with the query of a link for what it asks for, else for the private image's file."""
        found = re.fullmatch(rf"({IMAGES}/[0-9a-f-]{{36}})(.*)", address)
        image, part = (
            (found[1], OPENED.get(found[2], "file")) if found else (f"{IMAGES}/{self.things['private']}", "file")
        )
        made = await self.write.post(f"{image}/links", json={"part": part}, headers=self.callers["admin"])
        query = made.json()["url"].partition("?")[2] if made.status_code == 201 else "expires=1&key=test&signature=x"
        return f"{address}{'&' if '?' in address else '?'}{query}"

    async def _body(self, method: str, address: str) -> dict:
        if address == f"{IMAGES}/upload":
            return {"files": {"file": ("a.jpg", jpeg(8, 8))}}
        self._made += 1
        bodies = {
            f"POST {AUTH}/register": {"email": f"p{self._made}@example.com", "password": PASSWORD},
            f"POST {AUTH}/login": {"email": self.owner.email, "password": PASSWORD},
            f"POST {AUTH}/password": {"current_password": PASSWORD, "new_password": "eight wet horses"},
            f"DELETE {AUTH}/me": {"password": PASSWORD},
            f"POST {KEYS}": {"name": "k", "scopes": ["images:read"]},
        }
        if method == "PATCH":
            return {"json": {"description": "x"}}
        if address.endswith("/links") and method == "POST":
            return {"json": {}}
        body = bodies.get(f"{method} {address}")
        return {} if body is None else {"json": body}


async def test_each_caller_gets_the_stated_answer(serve, database):
    """Every call of the table, as everybody it knows; what is refused is refused with a problem document."""
    write = await serve(open_write, **LIMITS)
    read = await serve(open_read)
    await serve(open_worker, CHITRAM_RENDER_PROCESSES="1")
    world = World(write, read, database)
    await world.populate()

    async def rendered() -> None:
        made = await rows(database, "SELECT count(*) FROM blobs WHERE state <> 'ready'")
        assert made[0][0] == 0

    await eventually(rendered)
    wrong = []
    for method, address, statuses in table():
        for caller, status in statuses.items():
            answer = await world.call(method, address, caller)
            if answer.status_code != status:
                wrong.append(f"{method} {address} as {caller}: {answer.status_code} instead of {status}")
            elif status >= 400 and method != "HEAD":
                assert answer.headers["content-type"] == "application/problem+json"
            if status < 400 and "{private}" in address and method in {"GET", "HEAD"}:
                kept = answer.headers.get("cache-control") or answer.headers["x-delivery-cache-control"]
                assert kept == "private, no-store", (method, address, caller)
    assert wrong == []
