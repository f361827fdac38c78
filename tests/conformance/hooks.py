"""What schemathesis is told beside the document: who it is, which values exist, and which refusals are right.

It loads this module by itself. Everything that it makes belongs to two accounts of its own.
"""

import os
import random
import secrets
import time
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import httpx
import requests
import schemathesis
from hypothesis import strategies
from schemathesis.core.failures import Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.transport import Response
from schemathesis.openapi.checks import RejectedPositiveData

from tests.pictures import noise

API = os.environ["CHITRAM_CONFORMANCE_URL"] + "/api/v1"
PASSWORD = "seven wet horses"
TOKEN = "X-Consistency-Token"
LOGOUT = "POST /api/v1/auth/logout"

PATIENCE = 120.0
"""Seconds that a busy machine may go on answering 503."""


class Person:
    """An account, made when it is first needed."""

    @cached_property
    def _client(self) -> httpx.Client:
        return httpx.Client(timeout=120)

    @cached_property
    def _login(self) -> dict[str, str]:
        login = {"email": f"{secrets.token_hex(8)}@example.com", "password": PASSWORD}
        self._client.post(f"{API}/auth/register", json=login).raise_for_status()
        return login

    def log_in(self) -> str:
        """The token of a new session."""
        answer = self._client.post(f"{API}/auth/login", json=self._login).raise_for_status()
        return answer.json()["access_token"]

    @cached_property
    def session(self) -> str:
        """The token of a session that stays."""
        return self.log_in()

    @cached_property
    def found(self) -> tuple[str, str]:
        """A consistency token and a cursor that the system has given out."""
        headers = {"Authorization": f"Bearer {self.session}"}
        for seed in range(2):
            files = {"file": ("a.png", noise(random.Random(seed), 16, 16, "image/png"))}
            answer = self._client.post(f"{API}/images/upload", files=files, headers=headers).raise_for_status()
        seen = headers | {TOKEN: answer.headers[TOKEN]}
        page = self._client.get(f"{API}/images", params={"owner": "me", "limit": 1}, headers=seen).raise_for_status()
        return answer.headers[TOKEN], page.json()["next_cursor"]


OWNER, LEAVER = Person(), Person()


@schemathesis.auth(refresh_interval=None)
class Tokens:
    """Whose token a call has: the owner's, unless the call would end it. Nothing guesses passwords that would."""

    def get(self, case: schemathesis.Case, context: schemathesis.AuthContext) -> str:
        return LEAVER.log_in() if context.operation.label == LOGOUT else OWNER.session

    def set(self, case: schemathesis.Case, data: str, context: schemathesis.AuthContext) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Takes out the answer for every status, so that one which an operation does not name is found."""
    for operations in raw_schema["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("default", None)


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Puts values that exist in place of those that only look like it, unless what stands there is meant to be wrong.

    A schema can say what opaque words look like, not which of them were given out, and it knows no clock.
    """
    token, cursor = OWNER.found
    if case.headers and TOKEN in case.headers and _is_sound(case, ParameterLocation.HEADER):
        case.headers[TOKEN] = token
    if case.query and "cursor" in case.query and _is_sound(case, ParameterLocation.QUERY):
        case.query["cursor"] = cursor
    if isinstance(case.body, dict) and case.body.get("expires_at") and _is_sound(case, ParameterLocation.BODY):
        case.body["expires_at"] = (datetime.now(UTC) + timedelta(days=1)).isoformat()


@schemathesis.hook
def after_call(context: schemathesis.HookContext, case: schemathesis.Case, response: Response) -> None:
    """Tries again what is answered with 503: that it says when it is busy. What it goes on saying is a finding."""
    until = time.monotonic() + PATIENCE
    while response.status_code == 503 and time.monotonic() < until:
        time.sleep(1)
        with requests.Session() as session:
            again = Response.from_requests(session.send(response.request, timeout=120), verify=True)
        for name in Response.__slots__:
            if hasattr(again, name):
                setattr(response, name, getattr(again, name))


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext, failure: Failure, case: schemathesis.Case, response: Response
) -> bool:
    """Whether a failure is one. Refusing what a schema allows is right where something decides that no schema knows."""
    headers, status = case.headers or {}, response.status_code
    if status in {414, 431}:  # the gateway's bounds, of all parameters or headers together
        return False
    if not isinstance(failure, RejectedPositiveData):
        return True
    if status == 412:  # the caller has said which state it must be in
        return not {"If-Match", "If-Unmodified-Since"} & {name.title() for name in headers}
    if status == 416:  # how long the file is
        return "Range" not in headers
    if status == 422 and case.operation.label == "POST /api/v1/auth/register":
        # whether such an address can be, and whether the password is easy to guess
        return response.json()["details"].get("field") not in {"email", "password"}
    return True


def _is_sound(case: schemathesis.Case, location: ParameterLocation) -> bool:
    """Whether nothing was put in there that is meant to be refused."""
    return case.meta is None or not case.meta.is_negative_at(location)


schemathesis.openapi.media_type(
    "image/png", strategies.integers(0, 2**32).map(lambda seed: noise(random.Random(seed), 16, 16, "image/png"))
)
