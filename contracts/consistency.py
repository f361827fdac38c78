"""How a client says which of its changes an answer may not be older than.

Every change is answered with a token, in the header `X-Consistency-Token` and, for browsers, in a cookie. A read that
carries one back is answered from a state in which that change, and everything committed before it, has happened.
Clients need not know what is inside:

    format (1 byte) · position in the primary's log (8) · subject (16) · its version (8), URL-safe Base64

A **position** (an LSN) is written `16/B374D848` by Postgres and is a number of bytes everywhere else.
"""

import base64
import binascii
from uuid import UUID

import msgspec

from contracts.errors import InvalidConsistencyToken

HEADER = "x-consistency-token"
COOKIE = "chitram_consistency"

_FORMAT = b"\x01"
_LENGTH = 33
_LARGEST = (1 << 63) - 1


class ConsistencyToken(msgspec.Struct, frozen=True):
    """A change that was committed: a position not before its commit, what it changed, and the version that this got."""

    lsn: int
    subject_id: UUID
    version: int


def encode_token(token: ConsistencyToken) -> str:
    """A token as clients get it: 44 letters."""
    data = _FORMAT + token.lsn.to_bytes(8, "big") + token.subject_id.bytes + token.version.to_bytes(8, "big")
    return base64.urlsafe_b64encode(data).decode()


def decode_token(text: str) -> ConsistencyToken:
    """Raises `InvalidConsistencyToken` for anything that `encode_token` did not make."""
    try:
        data = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise InvalidConsistencyToken from None
    if len(data) != _LENGTH or data[:1] != _FORMAT:
        raise InvalidConsistencyToken
    token = ConsistencyToken(
        int.from_bytes(data[1:9], "big"), UUID(bytes=data[9:25]), int.from_bytes(data[25:33], "big")
    )
    if max(token.lsn, token.version) > _LARGEST or encode_token(token) != text:
        raise InvalidConsistencyToken
    return token


def position(lsn: str) -> int:
    """The number that an LSN as Postgres writes it stands for. Raises `ValueError` when it is none."""
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) | int(low, 16)
