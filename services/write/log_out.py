"""Logging out."""

from contracts.errors import Unauthorized
from contracts.principals import CredentialKind, Principal
from services.shared.principals import require_session
from services.write.ports import Credentials


async def log_out(principal: Principal, *, credentials: Credentials) -> str:
    """Ends the session that asks for it; gives the position of the commit.

    Raises `Unauthorized`, `Forbidden`, and `NotFound` when it has ended meanwhile.
    """
    require_session(principal)
    if principal.credential_id is None:
        raise Unauthorized
    return (await credentials.delete(principal.credential_id, CredentialKind.SESSION, principal)).lsn
