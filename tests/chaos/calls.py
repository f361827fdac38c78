"""Making one call and recording what came of it."""

import asyncio
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import aiohttp

from tests.chaos.history import NGINX, Call, History, Outcome, Shown

IMAGES = "/api/v1/images"
TOKEN = "X-Consistency-Token"
COOKIE = "chitram_consistency"
DEADLINE = 15.0
"""Seconds that a client waits for a whole answer."""


class Answer:
    """What came back; `status` 0 when nothing did."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes, error: str = "") -> None:
        self.status, self.headers, self.body, self.error = status, headers, body, error

    @property
    def json(self) -> Any:
        """The body, decoded; an empty dictionary when it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}

    @property
    def said(self) -> str:
        """The problem's code, or what went wrong with the connection."""
        return self.error or (str(self.json.get("code", "")) if self.status >= 400 else "")

    def outcome(self, *, is_read: bool) -> Outcome:
        """What the caller may conclude."""
        if self.status in {200, 201, 204, 206} or (is_read and self.status == 404):
            return Outcome.OK
        if is_read or 400 <= self.status < 500 or self._did_nothing:
            return Outcome.FAIL
        return Outcome.UNKNOWN

    @property
    def _did_nothing(self) -> bool:
        """A 503 of ours says either that nothing was done or that it isn't known; nginx's own doesn't tell."""
        told = self.json if self.status == 503 else {}
        return told.get("code") == "SERVICE_UNAVAILABLE" and "not known" not in told.get("detail", "not known")


class Caller:
    """Calls of one client. `targets` gives the base address of nginx and of each read service, by name."""

    def __init__(
        self, name: str, history: History, session: aiohttp.ClientSession, targets: Callable[[], Mapping[str, str]]
    ) -> None:
        self.name = name
        self.history = history
        self.tokens: dict[int, str] = {}
        self._session = session
        self.targets = targets

    async def log_in(self, email: str) -> str:
        """Makes an account; gives what proves that one is its owner. Raises AssertionError. Not part of the history."""
        told = {"email": email, "password": secrets.token_urlsafe(24)}
        for path in ("register", "login"):
            for _ in range(10):
                answer = await self._ask("POST", f"{self.targets()[NGINX]}/api/v1/auth/{path}", {"json": told})
                if answer.status not in {0, 503}:
                    break
                await asyncio.sleep(1)
            # 409: an answer before this one said that the outcome is not known.
            assert answer.status in {200, 201, 409}, f"{path}: {answer.status} {answer.body!r}"
        return f"Bearer {answer.json['access_token']}"

    async def upload(
        self, name: str, data: bytes, kind: str, *, key: str = "", tag: str = "", owner: str = ""
    ) -> tuple[Call, str]:
        """Sends a picture; gives the call and the delete token. `owner` is what `log_in` has given."""
        form = aiohttp.FormData()
        form.add_field("file", data, filename=name, content_type=kind)
        form.add_field("tags", tag)
        headers = ({"Idempotency-Key": key} if key else {}) | ({"Authorization": owner} if owner else {})
        facts = {"name": name, "key": key, "sha256": _digest(data), "kind": kind}
        call, answer = await self._call("upload", "POST", f"{IMAGES}/upload", facts, headers=headers, data=form)
        return call, str(answer.json.get("delete_token", ""))

    async def patch(self, image: str, proof: str, words: str) -> Call:
        """Changes an image's description."""
        facts = {"image": image, "words": words}
        return await self._change("patch", facts, proof, {"description": words})

    async def hide(self, image: str, owner: str) -> Call:
        """Makes an image private."""
        return await self._change("hide", {"image": image}, owner, {"visibility": "private"})

    async def _change(self, action: str, facts: dict[str, Any], proof: str, wish: dict[str, str]) -> Call:
        return (await self._call(action, "PATCH", _path(facts["image"]), facts, headers=_proof(proof), json=wish))[0]

    async def delete(self, image: str, proof: str) -> Call:
        """Deletes an image. `proof` is its delete token, or what `log_in` has given."""
        return (await self._call("delete", "DELETE", _path(image), {"image": image}, headers=_proof(proof)))[0]

    async def view(self, image: str, **how: Any) -> Call:
        """Asks what is said about an image; `how` as for `_read`."""
        return await self._read("view", _path(image), {"image": image}, **how)

    async def file(self, image: str, **how: Any) -> Call:
        """Asks for an image's bytes."""
        return await self._read("file", f"{_path(image)}/file", {"image": image}, **how)

    async def thumbnail(self, image: str, variant: str, accept: str, **how: Any) -> Call:
        """Asks for a rendering."""
        facts = {"image": image, "variant": variant}
        path = f"{_path(image)}/thumbnails/{variant}"
        return await self._read("thumbnail", path, facts, headers={"Accept": accept}, **how)

    async def list(self, query: Mapping[str, str], **how: Any) -> tuple[Call, str]:
        """Asks for a page; gives the call and the cursor of the next one."""
        call, answer = await self._read_answer("list", IMAGES, {}, params=query, **how)
        return call, answer.json.get("next_cursor") or "" if call.status == 200 else ""

    async def _read(self, action: str, path: str, facts: dict[str, Any], **how: Any) -> Call:
        return (await self._read_answer(action, path, facts, **how))[0]

    async def _read_answer(
        self,
        action: str,
        path: str,
        facts: dict[str, Any],
        *,
        target: str = NGINX,
        token: int = 0,
        cookie: bool = False,
        after: bool = False,
        headers: dict[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> tuple[Call, Answer]:
        """`token` is the number of a write of this client, `cookie` says how its token travels."""
        carried = self.tokens.get(token, "")
        sent = dict(headers or {})
        if carried:
            sent |= {"Cookie": f"{COOKIE}={carried}"} if cookie else {TOKEN: carried}
        facts |= {"target": target, "token": token if carried else 0, "after": after}
        return await self._call(action, "GET", path, facts, headers=sent, params=params)

    async def _call(
        self, action: str, method: str, path: str, facts: dict[str, Any], **request: Any
    ) -> tuple[Call, Answer]:
        number, start = self.history.number(), self.history.now()
        url = self.targets()[facts.get("target", NGINX)] + path
        answer = await self._ask(method, url, request)
        is_read = method == "GET"
        told = facts | _told(action, answer, facts)
        call = Call(
            number=number,
            client=self.name,
            action=action,
            start=start,
            end=self.history.now(),
            outcome=answer.outcome(is_read=is_read),
            status=answer.status,
            said=answer.said,
            **({"target": NGINX} | told),
        )
        if not is_read and call.outcome is Outcome.OK and answer.headers.get(TOKEN):
            self.tokens[number] = answer.headers[TOKEN]
        return self.history.add(call), answer

    async def _ask(self, method: str, url: str, request: dict[str, Any]) -> Answer:
        try:
            async with self._session.request(method, url, allow_redirects=False, **request) as got:
                return Answer(got.status, got.headers, await got.read())
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return Answer(0, {}, b"", type(error).__name__)


def open_session() -> aiohttp.ClientSession:
    """Connections for all clients of a run: no cookies are kept, nobody waits in line for a connection."""
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=DEADLINE),
    )


def _told(action: str, answer: Answer, facts: dict[str, Any]) -> dict[str, Any]:
    """What an answer says, as fields of a call."""
    if answer.status not in {200, 201, 206}:
        return {}
    if action == "list":
        page = answer.json
        return {"shown": tuple(map(_shown, page.get("items", ()))), "full": bool(page.get("next_cursor"))}
    if action in {"file", "thumbnail"}:
        return _bytes(answer) if facts["target"] == NGINX else {}
    shown = _shown(answer.json)
    return {"shown": (shown,), "image": shown.image}


def _bytes(answer: Answer) -> dict[str, Any]:
    if answer.headers.get("X-Chitram-Placeholder"):
        return {}
    return {"sha256": _digest(answer.body), "kind": answer.headers.get("Content-Type", "")}


def _shown(view: dict[str, Any]) -> Shown:
    return Shown(
        image=view["id"],
        name=view["filename"],
        version=view["version"],
        sha256=view["checksum"],
        kind=view["content_type"],
        words=view["description"] or "",
        created=datetime.fromisoformat(view["created_at"]).timestamp(),
    )


def _proof(proof: str) -> dict[str, str]:
    return {"Authorization": proof} if proof.startswith("Bearer ") else {"X-Delete-Token": proof}


def _path(image: str) -> str:
    return f"{IMAGES}/{image}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
