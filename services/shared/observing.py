"""What every HTTP service does around each request: a request id, a count, a duration."""

from time import perf_counter

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from infrastructure.telemetry.metrics import requests
from infrastructure.telemetry.request_id import choose, request_id
from services.shared.headers import header_of


class Observed:
    """Wraps an ASGI application; plain ASGI, because it runs on the hot path of every read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Takes the request's id or gives it one, answers with it, and measures."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        started = perf_counter()
        name = choose(header_of(scope, b"x-request-id"))
        token = request_id.set(name)
        status = 500

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", name.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_observed)
        finally:
            request_id.reset(token)
            endpoint = scope.get("path_template") or "unknown"
            requests.observe(method, endpoint, status, perf_counter() - started)
