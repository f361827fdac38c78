"""Who may upload, and who may change an image: its owner, an admin, or whoever has the token that its upload gave."""

import hmac
import secrets
from datetime import datetime
from uuid import UUID

from contracts.errors import DeleteTokenRequired, ImageNotFound, InvalidDeleteToken, InvalidField, Unauthorized
from contracts.images import Image, Visibility
from contracts.principals import Principal, Scope
from services.shared.principals import require_scope
from services.shared.tokens import token_hash
from services.write.ports import Stored


def new_delete_token() -> str:
    """A fresh token: 256 random bits in URL-safe letters."""
    return secrets.token_urlsafe(32)


def require_right_to_upload(principal: Principal, *, anonymous: bool) -> None:
    """Passes for accounts, and where `anonymous` uploads are taken, everybody. Raises `Unauthorized`, `Forbidden`."""
    if principal.user_id is None and not anonymous:
        raise Unauthorized("Uploading needs an account here. Log in, or send an API key.")
    require_scope(principal, Scope.WRITE)


def require_right_to_hide(visibility: Visibility, owner_id: UUID | None) -> None:
    """Passes unless an image would be private that has no owner who could see it. Raises `InvalidField`."""
    if visibility is Visibility.PRIVATE and owner_id is None:
        raise InvalidField(
            "The visibility of an anonymous image is “public” or “unlisted”; “private” needs an account.",
            field="visibility",
        )


def require_unexpired(stored: Stored, now: datetime) -> None:
    """Passes unless the image's time is over. Raises `ImageNotFound`: nobody can bring it back."""
    if stored.image.is_expired(now):
        raise ImageNotFound


def require_living(stored: Stored, now: datetime) -> None:
    """Passes unless the image's time is over or it is in the trash. Raises `ImageNotFound`."""
    if not stored.image.is_there(now):
        raise ImageNotFound


def goes_to_trash(image: Image, principal: Principal) -> bool:
    """Whether the principal's deleting can be undone: that of one's own image.

    An anonymous image has nobody who could come back for it, and what an admin takes away from others, these must not
    bring back.
    """
    return principal.is_user(image.owner_id)


def require_right_to_change(stored: Stored, principal: Principal, token: str | None) -> None:
    """Passes for the owner, an admin, and the right token of an anonymous upload.

    Raises `ImageNotFound` to strangers of an owned image, as if it did not exist,
    `DeleteTokenRequired` or `InvalidDeleteToken` for anonymous ones. Scopes are judged before, when it isn't known yet
    whether there is such an image.
    """
    if principal.is_admin:
        return
    if stored.image.owner_id is not None:
        if stored.image.owner_id != principal.user_id:
            raise ImageNotFound
        return
    if not token:
        raise DeleteTokenRequired
    if stored.delete_token_hash is None or not hmac.compare_digest(token_hash(token), stored.delete_token_hash):
        raise InvalidDeleteToken
