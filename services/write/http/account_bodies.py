"""What requests about accounts and API keys carry."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from litestar.openapi.spec import OpenAPIFormat, OpenAPIType, Schema

from contracts.errors import InvalidField
from contracts.principals import Scope
from services.write import words
from services.write.http.json_bodies import json_operation, read_json
from services.write.passwords import LONGEST, SHORTEST

LONGEST_LIFE = timedelta(days=3650)
"""Of an API key that has an end at all."""


class LoginBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An address and a password, for a new account or for one that stands."""

    email: str
    password: str


class PasswordBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The password once more, and a new one."""

    current_password: str
    new_password: str


class ProofBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The password once more, for what can't be undone."""

    password: str


class KeyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new API key; one without `expires_in` (whole seconds) holds until it is revoked."""

    name: str
    scopes: list[Scope]
    expires_in: float | None = None


class KeyWish(msgspec.Struct, frozen=True):
    """A key that can be made."""

    name: str
    scopes: Sequence[Scope]
    expires_at: datetime | None


def read_key(body: bytes, now: datetime) -> KeyWish:
    """The key that a body asks for. Raises `InvalidRequest`, `InvalidField`."""
    asked = read_json(body, KeyBody)
    return KeyWish(words.key_name(asked.name), asked.scopes, _end(asked.expires_in, now))


def _end(seconds: float | None, now: datetime) -> datetime | None:
    if seconds is None:
        return None
    if not (seconds.is_integer() and 1 <= seconds <= LONGEST_LIFE.total_seconds()):
        raise InvalidField(
            "A key's life is a whole number of seconds, at least one and at most ten years of them.",
            field="expires_in",
            limit=int(LONGEST_LIFE.total_seconds()),
        )
    return now + timedelta(seconds=seconds)


SOMETHING = r"[^\s\u0000-\u001f\u007f-\u009f]"
"""More than white space and control characters."""

_email = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.EMAIL, max_length=254)
_password = Schema(type=OpenAPIType.STRING, max_length=LONGEST)
_new_password = Schema(type=OpenAPIType.STRING, min_length=SHORTEST, max_length=LONGEST)

RegisterOperation = json_operation(("email", "password"), email=_email, password=_new_password)
LoginOperation = json_operation(("email", "password"), email=_email, password=_password)
PasswordOperation = json_operation(
    ("current_password", "new_password"), current_password=_password, new_password=_new_password
)
ProofOperation = json_operation(("password",), password=_password)
KeyOperation = json_operation(
    ("name", "scopes"),
    name=Schema(type=OpenAPIType.STRING, pattern=SOMETHING, max_length=words.MAX_KEY_NAME),
    scopes=Schema(
        type=OpenAPIType.ARRAY,
        items=Schema(type=OpenAPIType.STRING, enum=[scope.value for scope in Scope]),
        min_items=1,
    ),
    expires_in=Schema(
        type=[OpenAPIType.INTEGER, OpenAPIType.NULL],
        minimum=1,
        maximum=int(LONGEST_LIFE.total_seconds()),
        description="Seconds; without it the key holds until it is revoked",
    ),
)
