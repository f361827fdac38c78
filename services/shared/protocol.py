"""HTTP/1.1 as uvicorn speaks it, with a problem document where uvicorn has only words."""

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from contracts.errors import InvalidRequest
from infrastructure.telemetry.request_id import choose, request_id
from services.shared.problems import problem_of


class Protocol(HttpToolsProtocol):
    """What no application gets to see, because it is not HTTP, is refused like everything else."""

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
