"""OPTIONS: what an address can do, over all services (RFC 9110, section 9.3.7)."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from services.shared.addresses import methods_of
from services.shared.answers import Answer


class Options:
    """Wraps an ASGI application that knows its own methods only."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers OPTIONS for public addresses; everything else is the application's."""
        if scope["type"] == ScopeType.HTTP and scope["method"] == "OPTIONS" and (known := methods_of(scope["path"])):
            allowed = ", ".join((*known, "OPTIONS")).encode()
            await Answer(204, [(b"allow", allowed)])(scope, receive, send)
            return
        await self._app(scope, receive, send)
