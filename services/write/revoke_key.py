"""Revoking an API key."""

from uuid import UUID

from contracts.principals import CredentialKind, Principal
from services.shared.principals import require_session
from services.write.ports import Credentials


async def revoke_key(key_id: UUID, principal: Principal, *, credentials: Credentials) -> str:
    """Ends one of the caller's API keys; gives the position of the commit.

    Raises `Unauthorized`, `Forbidden`, and `NotFound` when he has no such key.
    """
    require_session(principal)
    return (await credentials.delete(key_id, CredentialKind.KEY, principal)).lsn
