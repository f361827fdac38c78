"""How a body goes onto a connection."""

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

_PIECE = 256 * 1024


class View(Payload):
    """Sends pieces of a memoryview straight to the socket.

    aiohttp's own payload for files hops to a thread for each piece, and the one for bytes sends
    everything in one go and warns of it. This one can be sent again, should a kept connection turn
    out to be closed.
    """

    _autoclose = True

    def __init__(self, view: memoryview, content_type: str) -> None:
        super().__init__(view, content_type=content_type)
        self._size = view.nbytes

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The body as text; aiohttp wants a payload to have it, and never asks for it."""
        return bytes(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Sends all of it."""
        view: memoryview = self._value
        for start in range(0, view.nbytes, _PIECE):
            await writer.write(view[start : start + _PIECE])

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:  # noqa: ARG002
        """Sends all of it: the length announced is this payload's own."""
        await self.write(writer)
