"""The route on which nginx fetches what it does not have in its cache. nginx lets nobody else come here."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, cast

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.types import Receive, Scope, Send

from contracts.errors import NotFound
from services.read.fetch import Wanted

Fetch = Callable[[Wanted], AbstractAsyncContextManager[bytes]]
"""The bytes of an object that is right, for as long as the block runs. Raises `Unavailable`."""

PIECE = 256 * 1024
"""Bytes handed to the connection at once; when it has too many of them, sending waits."""


class Transfer:
    """An ASGI application that sends an object and lets go of it."""

    def __init__(self, data: bytes, held: AsyncExitStack) -> None:
        """`held` is closed when everything is sent, or nobody wants it any more."""
        self._data = memoryview(data)
        self._held = held

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Sends all of it."""
        async with self._held:
            headers = [
                (b"content-type", b"application/octet-stream"),
                (b"content-length", b"%d" % self._data.nbytes),
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            for start in range(0, self._data.nbytes, PIECE):
                piece = cast("bytes", self._data[start : start + PIECE])  # no copy: the server takes any buffer
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def object_routes(fetch: Fetch) -> list[HTTPRouteHandler]:
    """The route, bound to its use case."""

    @get("/internal/objects/{blob_id:str}/{name:str}", include_in_schema=False)
    async def get_object(request: Request[Any, Any, Any], blob_id: FromPath[str], name: FromPath[str]) -> Transfer:
        wanted = _wanted(f"{blob_id}/{name}", request)
        async with AsyncExitStack() as stack:
            try:
                data = await stack.enter_async_context(fetch(wanted))
            except ValueError as error:  # no key
                raise NotFound from error
            return Transfer(data, stack.pop_all())

    return [get_object]


def _wanted(key: str, request: Request[Any, Any, Any]) -> Wanted:
    """What nginx was told to fetch. Raises `NotFound` for anything that a read service would not have told it."""
    query = request.query_params
    size, sha256 = query.get("size", ""), query.get("sha256", "")
    if not (size.isascii() and size.isdecimal()) or len(size) > 15:
        raise NotFound
    return Wanted(key, tuple(query.get("placement", "").split(",")), int(size), "" if sha256 == "-" else sha256)
