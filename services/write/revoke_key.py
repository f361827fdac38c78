"""Revoking an API key."""

from uuid import UUID

from contracts.principals import CredentialKind, Principal
from services.shared.principals import require_session
from services.write.ports import Credentials, Settle
from services.write.settle import settle_all


async def revoke_key(key_id: UUID, principal: Principal, *, credentials: Credentials, settle: Settle) -> str:
    """Ends one of the caller's API keys; gives the position of the commit.

    It returns when no read service takes the key any more. Raises `Unauthorized`, `Forbidden`, and `NotFound` when he
    has no such key.
    """
    require_session(principal)
    return await settle_all(await credentials.delete(key_id, CredentialKind.KEY, principal), settle=settle)
