"""What an account is, and the credentials that speak for it.

As in `contracts.images`, the inner words come first and then the promised ones, which HTTP answers with.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from contracts.principals import CredentialKind, Scope


class User(msgspec.Struct, frozen=True):
    """A person with an account."""

    id: UUID
    email: str
    created_at: datetime
    is_admin: bool = False


class Quota(msgspec.Struct, frozen=True):
    """How many images, and of how many bytes together, an account may hold; None is any number."""

    images: int | None = None
    bytes: int | None = None


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A token or an API key, without its secret: `token_hash` is the hexadecimal SHA-256 of what the client sends.

    `version` grows by one with every change; one that is revoked has `revoked_at` and never comes back.
    """

    id: UUID
    version: int
    token_hash: str
    kind: CredentialKind
    user_id: UUID
    user_is_admin: bool
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None
    name: str | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


class UserView(msgspec.Struct, frozen=True):
    """An account as its owner sees it."""

    id: UUID
    email: str
    is_admin: bool
    created_at: datetime


class SessionView(msgspec.Struct, frozen=True):
    """The answer to a login. `access_token` is shown this once."""

    user: UserView
    access_token: str
    token_type: str
    expires_at: datetime


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """An API key as its owner sees it. `last_used_at` is right to the hour."""

    id: UUID
    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class NewKeyView(KeyView, frozen=True, kw_only=True):
    """The answer to the making of a key. `key` is shown this once."""

    key: str


class KeyList(msgspec.Struct, frozen=True):
    """All API keys of an account, newest first."""

    items: tuple[KeyView, ...]


class StatsView(msgspec.Struct, frozen=True):
    """How many images an account holds, of how many bytes together, and what it may hold at most."""

    images: int
    bytes: int
    quota: Quota


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Proof that an account was deleted. The audit log has an entry with the same id.

    `images` are those that were deleted with it, `images_pending` those that will be within minutes.
    """

    id: UUID
    user_id: UUID
    deleted_at: datetime
    images: int
    images_pending: int


def user_view(user: User) -> UserView:
    """The view of an account."""
    return UserView(user.id, user.email, user.is_admin, user.created_at)


def key_view(credential: Credential) -> KeyView:
    """The view of an API key."""
    return KeyView(**_key_fields(credential))


def new_key_view(credential: Credential, secret: str) -> NewKeyView:
    """The view of a key that was just made, with what the client will send."""
    return NewKeyView(**_key_fields(credential), key=secret)


def _key_fields(credential: Credential) -> dict[str, Any]:
    return {
        "id": credential.id,
        "name": credential.name or "",
        "scopes": credential.scopes,
        "created_at": credential.created_at,
        "expires_at": credential.expires_at,
        "last_used_at": credential.last_used_at,
    }
