"""Logging out."""

from contracts.errors import Unauthorized
from contracts.principals import CredentialKind, Principal
from services.shared.principals import require_session
from services.write.ports import Credentials, Settle
from services.write.settle import settle_all


async def log_out(principal: Principal, *, credentials: Credentials, settle: Settle) -> str:
    """Ends the session that asks for it; gives the position of the commit.

    It returns when no read service takes the token any more. Raises `Unauthorized`, `Forbidden`, and `NotFound` when it
    has ended meanwhile.
    """
    require_session(principal)
    if principal.credential_id is None:
        raise Unauthorized
    recorded = await credentials.delete(principal.credential_id, CredentialKind.SESSION, principal)
    return await settle_all(recorded, settle=settle)
