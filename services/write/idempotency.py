"""Uploads that may be sent again: the same key and body get the same answer.

A key is its sender's own secret. Stored are hashes of it and of what the upload asked for, and a salt from which,
together with the key, the delete token is made again.
"""

import base64
import hashlib
import hmac

import msgspec

from contracts.errors import IdempotencyKeyReused
from contracts.principals import Principal
from services.write.draft import Draft
from services.write.ports import Earlier


class Keyed(msgspec.Struct, frozen=True):
    """An upload with a key: `key` and `request` are what is stored of it, `secret` is the key itself."""

    key: bytes
    request: bytes
    secret: bytes


class Once(msgspec.Struct, frozen=True):
    """What is stored of an upload with a key."""

    key: bytes
    request: bytes
    salt: bytes | None


def keyed(secret: str, principal: Principal, draft: Draft) -> Keyed:
    """An upload under the key `secret`, which is its caller's: the same key of another caller is another one."""
    asked = _digest(
        draft.sha256,
        draft.filename,
        draft.description,
        draft.tags,
        draft.visibility,
        draft.keep_metadata,
        *(
            () if draft.expires_in is None else (draft.expires_in,)
        ),  # without it as releases before it was there made it
    )
    return Keyed(key=_digest(principal.key, secret), request=asked, secret=secret.encode())


def delete_token(upload: Keyed, salt: bytes) -> str:
    """The delete token of an upload: as good as a random one to everyone who hasn't both its key and its salt."""
    made = hmac.digest(upload.secret, b"chitram delete token\0" + salt, "sha256")
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def require_same(upload: Keyed, earlier: Earlier) -> None:
    """Passes when an upload asks for what the earlier one under its key did. Raises `IdempotencyKeyReused`."""
    if upload.request != earlier.request:
        raise IdempotencyKeyReused


def _digest(*parts: object) -> bytes:
    return hashlib.sha256(msgspec.json.encode(parts)).digest()
