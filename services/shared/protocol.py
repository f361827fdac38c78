"""HTTP/1.1 as uvicorn speaks it, with a problem document where uvicorn has only words."""

from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from contracts.errors import InvalidRequest
from infrastructure.telemetry.request_id import choose, request_id
from services.shared.problems import problem_of


class Protocol(HttpToolsProtocol):
    """What no application gets to see, because it is not HTTP, is refused like everything else.

    A connection without a request in hand is closed at the end of the process, unless `linger` says for how
    many seconds it waits for a last one: who has just sent a request into a connection that is being closed can't know
    whether it arrived, and may not repeat a change.
    """

    def __init__(self, *given: Any, linger: float = 0.0, **named: Any) -> None:
        super().__init__(*given, **named)
        self._linger = linger
        self._is_leaving = False

    def on_headers_complete(self) -> None:
        """Begins an answer: the last one on this connection, if the process is about to end."""
        super().on_headers_complete()
        if self._is_leaving:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Called once for each connection when the process is about to end; nobody new is let in any more."""
        self._is_leaving = True
        is_busy = self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]  # None before the first
        if is_busy or not self._linger:
            super().shutdown()
        else:
            self.loop.call_later(self._linger, super().shutdown)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - ours says the same
        """Answers bytes that can't be parsed, and ends the connection."""
        name = choose(None)
        token = request_id.set(name)
        try:
            body = msgspec.json.encode(problem_of(InvalidRequest("The request is not valid HTTP.")))
        finally:
            request_id.reset(token)
        head = (
            "HTTP/1.1 400 Bad Request\r\n"
            "content-type: application/problem+json\r\n"
            "cache-control: no-store\r\n"
            f"x-request-id: {name}\r\n"
            f"content-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
