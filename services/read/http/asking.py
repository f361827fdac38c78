"""Reading from a request who asks."""

from typing import Any

from litestar import Request

from contracts.principals import Scope
from services.read.asking import Asking
from services.shared.consistency import read_token
from services.shared.links import read_link
from services.shared.principals import Identify, require_scope


async def who_asks(request: Request[Any, Any, Any], identify: Identify) -> Asking:
    """Reads what a request brings along.

    Raises `Unauthorized`, `Forbidden` for a key that may not read, `InvalidConsistencyToken`, `Unavailable`.
    """
    scope = request.scope
    principal = await identify(request)
    require_scope(principal, Scope.READ)
    return Asking(principal, read_token(scope), read_link(scope["raw_path"], scope["query_string"]))
