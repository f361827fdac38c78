"""Pages of other origins: which may read our answers (the Fetch standard's CORS protocol).

Nothing here is a defence against forged requests: credentials come in headers, which no other page can set without
asking first, and no cookie gives any right.
"""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from services.shared.addresses import methods_of
from services.shared.answers import Answer, Headers
from services.shared.origins import CrossOriginConfig

_REQUEST_HEADERS = (
    b"authorization, content-type, idempotency-key, if-match, if-none-match, if-modified-since, if-unmodified-since, "
    b"range, x-consistency-token, x-delete-token, x-request-id"
)
_ANSWER_HEADERS = (
    b"content-disposition, content-range, etag, location, ratelimit-limit, ratelimit-remaining, ratelimit-reset, "
    b"retry-after, x-chitram-placeholder, x-consistency-token, x-request-id"
)
_REMEMBERED = b"600"
_VARY = (b"vary", b"origin")


class CrossOrigin:
    """Wraps an ASGI application whose answers pages of the listed origins may read."""

    def __init__(self, app: ASGIApp, config: CrossOriginConfig) -> None:
        self._app = app
        self._origins = frozenset(origin.encode() for origin in config.origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers what browsers ask beforehand, and says in every answer who may read it."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        asked = dict(scope["headers"])
        allowed: Headers = [_VARY]
        if asked.get(b"origin") in self._origins:
            allowed += [(b"access-control-allow-origin", asked[b"origin"])]
            if scope["method"] == "OPTIONS" and b"access-control-request-method" in asked:
                await _preflight(scope, allowed)(scope, receive, send)
                return
            allowed += [(b"access-control-expose-headers", _ANSWER_HEADERS)]

        async def send_readable(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *allowed]
            await send(message)

        await self._app(scope, receive, send_readable)


def _preflight(scope: HTTPScope, allowed: Headers) -> Answer:
    """What may be sent to an address, whichever service it belongs to."""
    methods = ", ".join(methods_of(scope["path"])).encode()
    return Answer(
        204,
        [
            *allowed,
            (b"access-control-allow-methods", methods),
            (b"access-control-allow-headers", _REQUEST_HEADERS),
            (b"access-control-max-age", _REMEMBERED),
        ],
    )
