"""Consistency tokens in HTTP: every answer to a change carries one, every read may bring one back."""

from uuid import UUID

from litestar.types import HTTPScope

from contracts.consistency import COOKIE, HEADER, ConsistencyToken, decode_token, encode_token, position
from services.shared.answers import Headers

COOKIE_AGE = 3600
"""Seconds a browser keeps the token of its last change: far longer than any replica is behind that is read."""

_HEADER = HEADER.encode()
_COOKIE = f"{COOKIE}="


def token_headers(subject_id: UUID, version: int, lsn: str) -> Headers:
    """What an answer to a change says of it: `lsn` is a position not before its commit, as Postgres writes it."""
    text = encode_token(ConsistencyToken(position(lsn), subject_id, version))
    cookie = f"{COOKIE}={text}; Path=/; Max-Age={COOKIE_AGE}; HttpOnly; SameSite=Lax"
    return [(_HEADER, text.encode()), (b"set-cookie", cookie.encode())]


def read_token(scope: HTTPScope) -> ConsistencyToken | None:
    """The token of a request: that of its header, else of its cookie.

    Raises `InvalidConsistencyToken`. Goes through the raw headers, because every read does this.
    """
    text = None
    for name, value in scope["headers"]:
        if name == _HEADER:
            text = value.decode("latin-1")
            break
        if name == b"cookie" and text is None:
            text = _in_cookies(value.decode("latin-1"))
    return None if text is None else decode_token(text)


def _in_cookies(cookies: str) -> str | None:
    found = (one.strip() for one in cookies.split(";"))
    return next((one.removeprefix(_COOKIE) for one in found if one.startswith(_COOKIE)), None)
