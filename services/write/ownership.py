"""Who may change an image: its owner, or whoever can show the token that its upload answered with."""

import hashlib
import hmac
import secrets

from contracts.errors import DeleteTokenRequired, ImageNotFound, InvalidDeleteToken
from contracts.principals import Principal
from services.write.ports import Stored


def new_delete_token() -> str:
    """A fresh token: 256 random bits in URL-safe letters."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """What is stored of a token. Plain SHA-256 is enough: the token is random, there is nothing to guess."""
    return hashlib.sha256(token.encode()).digest()


def require_right_to_change(stored: Stored, principal: Principal, token: str | None) -> None:
    """Passes for the owner, and for the right token of an anonymous upload.

    Raises `ImageNotFound` to strangers of an owned image, as if it did not exist,
    `DeleteTokenRequired` or `InvalidDeleteToken` for anonymous ones.
    """
    if stored.image.owner_id is not None:
        if stored.image.owner_id != principal.user_id:
            raise ImageNotFound
        return
    if not token:
        raise DeleteTokenRequired
    if stored.delete_token_hash is None or not hmac.compare_digest(token_hash(token), stored.delete_token_hash):
        raise InvalidDeleteToken
