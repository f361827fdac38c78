"""Making an API key."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from contracts.accounts import Credential
from contracts.errors import Forbidden, InvalidField
from contracts.principals import CredentialKind, Principal, Scope
from services.shared.principals import require_session
from services.shared.tokens import token_hash
from services.write.ports import Clock, Credentials, NewCredentialToken, NewId


class MadeKey(msgspec.Struct, frozen=True):
    """A key that is durable. `secret` is shown this once; `lsn` is the position of the commit."""

    key: Credential
    secret: str
    lsn: str


async def make_key(
    name: str,
    scopes: Iterable[Scope],
    expires_at: datetime | None,
    principal: Principal,
    *,
    credentials: Credentials,
    clock: Clock,
    new_id: NewId,
    new_token: NewCredentialToken,
) -> MadeKey:
    """Makes a key for the caller, who has logged in, with rights that he has himself.

    Raises `Unauthorized`, `Forbidden`, `InvalidField`.
    """
    user_id = require_session(principal)
    wanted = tuple(scope for scope in Scope if scope in set(scopes))
    now = clock()
    if not wanted:
        raise InvalidField("A key needs at least one scope.", field="scopes")
    if Scope.ADMIN in wanted and not principal.is_admin:
        raise Forbidden("Only an admin can make a key with the scope admin.", scope=Scope.ADMIN)
    if expires_at is not None and expires_at <= now:
        raise InvalidField("The key would have expired already.", field="expires_at")
    secret = new_token(CredentialKind.KEY)
    key = Credential(
        id=new_id(),
        version=1,
        token_hash=token_hash(secret).hex(),
        kind=CredentialKind.KEY,
        user_id=user_id,
        user_is_admin=principal.is_admin,
        scopes=wanted,
        created_at=now,
        expires_at=expires_at,
        name=name,
    )
    return MadeKey(key, secret, (await credentials.insert_key(key, principal)).lsn)
