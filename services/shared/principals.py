"""Who sent a request, and what he may ask for."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from litestar import Request
from litestar.types import HTTPScope
from msgspec.structs import replace

from contracts.accounts import Credential
from contracts.errors import Forbidden, Unauthorized
from contracts.principals import ANONYMOUS, CredentialKind, Principal, Scope
from services.shared.client import address_of
from services.shared.tokens import is_token, token_hash

Identify = Callable[[Request[Any, Any, Any]], Awaitable[Principal]]
"""The caller of a request. Raises `Unauthorized` for a token that does not hold, `Unavailable` when nobody can tell."""

Find = Callable[[bytes], Awaitable[Credential | None]]
"""The credential with this hash of its token, as it is now. Raises `Unavailable`."""

BEARER: list[dict[str, list[str]]] = [{"bearer": []}]
"""For the OpenAPI document: an operation that needs a token."""


ANYONE: list[dict[str, list[str]]] = [{}, {"bearer": []}]
"""For the OpenAPI document: an operation that may do more, or show more, with a token."""

ANYONE_WITH_A_LINK: list[dict[str, list[str]]] = [*ANYONE, {"link": []}]
"""The same, and a signed link opens it too."""


class Usage(Protocol):
    """Hears of each use of a credential."""

    def note(self, credential_id: UUID, now: datetime) -> None: ...


def identifier(find: Find, *, usage: Usage, clock: Callable[[], datetime]) -> Identify:
    """How requests are identified: without the header Authorization a caller is anonymous, else its token must hold."""

    async def identify(request: Request[Any, Any, Any]) -> Principal:
        token = bearer(request.scope)
        if token is None:
            return ANONYMOUS
        credential = await find(token_hash(token))
        now = clock()
        if credential is None or (credential.expires_at is not None and credential.expires_at <= now):
            raise Unauthorized
        usage.note(credential.id, now)
        return principal_of(credential)

    return identify


def located(identify: Identify) -> Identify:
    """The same, with the address that the request came from."""

    async def identify_located(request: Request[Any, Any, Any]) -> Principal:
        return replace(await identify(request), address=address_of(request.scope))

    return identify_located


def unidentified(request: Request[Any, Any, Any]) -> Principal:
    """The caller of a request that is about becoming somebody, whatever token comes with it."""
    return Principal(address=address_of(request.scope))


def bearer(scope: HTTPScope) -> str | None:
    """The token that a request carries; None when it carries none. Raises `Unauthorized` for what can't be a token."""
    sent = None
    for name, value in scope["headers"]:  # every read comes through here
        if name == b"authorization":
            if sent is not None:
                raise Unauthorized
            sent = value
    if sent is None:
        return None
    scheme, _, token = sent.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not is_token(token):
        raise Unauthorized
    return token


def principal_of(credential: Credential) -> Principal:
    """Whom a credential speaks for, with the rights that it has at the moment."""
    scopes = frozenset(credential.scopes)
    if Scope.ADMIN in scopes:
        scopes = frozenset(Scope) if credential.user_is_admin else scopes - {Scope.ADMIN}
    return Principal(credential.user_id, credential.id, credential.kind, scopes)


def require_scope(principal: Principal, scope: Scope) -> None:
    """Raises `Forbidden` for a key whose scopes are too narrow."""
    if scope not in principal.scopes:
        raise Forbidden(f"This needs the scope {scope}.", scope=scope)


def require_user(principal: Principal) -> UUID:
    """The user's id. Raises `Unauthorized` for anonymous callers."""
    if principal.user_id is None:
        raise Unauthorized
    return principal.user_id


def require_session(principal: Principal) -> UUID:
    """The id of a user who has logged in. Raises `Unauthorized`, and `Forbidden` for API keys.

    So a key that leaks can't make others, or take the account away.
    """
    user_id = require_user(principal)
    if principal.kind is not CredentialKind.SESSION:
        raise Forbidden("Accounts and API keys are managed with the token of a login, not with an API key.")
    return user_id
