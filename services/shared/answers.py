"""HTTP answers whose bytes are ready before the request comes."""

import msgspec
from litestar import Response
from litestar.types import Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]

encode_json = msgspec.json.Encoder().encode

JSON = (b"content-type", b"application/json")

NO_STORE = (b"cache-control", b"no-store")
"""For what is shown once, to one, or is true for a moment."""


class Answer:
    """An ASGI application that sends one prepared answer.

    Handlers return it instead of a Litestar response because nothing is left to encode: it costs
    two `send` calls. `headers` are lower-case pairs; the length is added, except where there can be no body.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Headers, body: bytes = b"") -> None:
        self.status = status
        self.headers = headers
        self.body = body

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Sends the answer; the server leaves the body out where the method is HEAD."""
        headers = self.headers
        if self.status not in (204, 304):
            headers = [*headers, (b"content-length", b"%d" % len(self.body))]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def version_tag(version: int) -> str:
    """Entity tag of an image's view: its version, quoted."""
    return f'"{version}"'


def no_content(headers: Headers) -> Response[None]:
    """An answer with nothing to say but its headers."""
    return Response(None, status_code=204, headers={name.decode(): value.decode() for name, value in headers})


def json_answer(status: int, content: object, headers: Headers | None = None) -> Answer:
    """An answer with the JSON of `content`."""
    return Answer(status, [JSON, *(headers or [])], encode_json(content))
