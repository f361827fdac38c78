"""A scanner behind HTTP.

    POST <address>          the file's bytes as application/octet-stream
    200                     {"clean": true}, or {"clean": false, "finding": "<name>"}

Any other answer is no verdict: a page that says 200 for another reason must not make a file clean.
"""

from collections.abc import AsyncIterator
from typing import BinaryIO

import aiohttp
import msgspec

from infrastructure.scanner.scanner import PIECE, ScannerFailed

_MAX_ANSWER = 64 * 1024


class Verdict(msgspec.Struct, frozen=True):
    """What a hook answers with."""

    clean: bool
    finding: str = "malware"


class Hook:
    """`Scanner` by an HTTP service."""

    def __init__(self, address: str, http: aiohttp.ClientSession, *, timeout: float) -> None:
        self._address = address
        self._http = http
        self._timeout = aiohttp.ClientTimeout(total=timeout)

    async def scan(self, file: BinaryIO) -> str | None:
        """`Scanner.scan`."""
        size = file.seek(0, 2)
        file.seek(0)
        headers = {"content-type": "application/octet-stream", "content-length": str(size)}
        verdict = await self._ask("POST", data=_pieces(file), headers=headers)
        return None if verdict.clean else verdict.finding

    async def ping(self) -> None:
        """`Scanner.ping`: the verdict about nothing."""
        await self._ask("POST", data=b"", headers={"content-type": "application/octet-stream"})

    async def _ask(self, method: str, *, data: AsyncIterator[bytes] | bytes, headers: dict[str, str]) -> Verdict:
        try:
            async with self._http.request(
                method, self._address, data=data, headers=headers, timeout=self._timeout, allow_redirects=False
            ) as answer:
                if answer.status != 200:
                    raise ScannerFailed(f"the hook answers {answer.status}")
                return msgspec.json.decode(await _whole(answer.content), type=Verdict)
        except TimeoutError:
            raise ScannerFailed(f"no answer within {self._timeout.total:g} s") from None
        except msgspec.DecodeError as error:
            raise ScannerFailed(f"the hook's answer is no verdict: {error}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ScannerFailed(f"{type(error).__name__}: {error}") from error


async def _whole(answer: aiohttp.StreamReader) -> bytes:
    """An answer, in however many pieces it comes; cut where it is longer than any verdict."""
    body = b""
    while len(body) < _MAX_ANSWER and (piece := await answer.read(_MAX_ANSWER - len(body))):
        body += piece
    return body


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    while piece := file.read(PIECE):
        yield piece
