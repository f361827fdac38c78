"""Reading from a request who asks."""

from typing import Any

from litestar import Request

from contracts.principals import ANONYMOUS, Scope
from services.read.asking import Asking
from services.shared.consistency import read_token
from services.shared.links import read_link
from services.shared.principals import Identify, require_scope

NOBODY = Asking(ANONYMOUS)
"""Most requests; they get it ready made."""


async def who_asks(request: Request[Any, Any, Any], identify: Identify) -> Asking:
    """Reads what a request brings along.

    Raises `Unauthorized`, `Forbidden` for a key that may not read, `InvalidConsistencyToken`, `Unavailable`.
    """
    scope = request.scope
    principal = await identify(request)
    token = read_token(scope)
    query = scope["query_string"]
    link = read_link(scope["raw_path"], query) if query else None
    if principal is ANONYMOUS and token is None and link is None:
        return NOBODY
    require_scope(principal, Scope.READ)
    return Asking(principal, token, link)
