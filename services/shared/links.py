"""Signed links: who has one may see a private image for a while, without an account.

    <path>?expires=<seconds since 1970>&key=<id of the key>&signature=v1.<HMAC-SHA-256, URL-safe Base64>

What is signed: the version of this scheme, the method, the path as it is routed, letter by letter, the image's link
epoch, the end and the key's id. The epoch is a number that the image keeps and that grows when its links are revoked.
So a link holds for one address and one image, can't be lengthened, and no part of it can be written in another way:
what is encoded, comes twice, or is not known is no link at all.
"""

import base64
import hmac
import re
from datetime import datetime, timedelta

import msgspec

from services.shared.secret_keys import SigningKeys

PURPOSE = "chitram link v1"

_EXPIRES = re.compile(r"[1-9][0-9]{0,11}")
_KEY = re.compile(r"[A-Za-z0-9]{1,16}")
_SIGNATURE = re.compile(r"v1\.([A-Za-z0-9_-]{43})")
_FREE = frozenset({"download"})
"""Parameters that may stand beside a link's own: they change how the bytes are offered, not who gets them."""


class Link(msgspec.Struct, frozen=True):
    """What a request claims: that this path was opened to it until `expires`, in seconds since 1970."""

    path: str
    expires: int
    key_id: str
    signature: str


def read_link(path: bytes, query: bytes) -> Link | None:
    """The link in a request's path and query, as they were sent; None when there is none, or none without fault."""
    if b"signature=" not in query:
        return None
    pairs = [part.split("=", 1) for part in query.decode("latin-1").split("&")]
    values = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
    if len(values) != len(pairs) or values.keys() - _FREE != {"expires", "key", "signature"}:
        return None
    signature = _SIGNATURE.fullmatch(values["signature"])
    if signature is None or not _EXPIRES.fullmatch(values["expires"]) or not _KEY.fullmatch(values["key"]):
        return None
    return Link(path.decode("latin-1"), int(values["expires"]), values["key"], signature[1])


class Links:
    """Makes links, and judges those that come back."""

    def __init__(self, keys: SigningKeys, origin: str = "") -> None:
        """Addresses begin with `origin`, which is not signed."""
        self._keys = keys
        self._origin = origin

    def make(self, path: str, epoch: int, end: datetime) -> str:
        """The address that opens `path` of an image until `end`, cut to the second."""
        expires, key_id = int(end.timestamp()), self._keys.current
        signature = self._sign(path, epoch, expires, key_id)
        return f"{self._origin}{path}?expires={expires}&key={key_id}&signature=v1.{signature}"

    def holds(self, link: Link, epoch: int, now: datetime) -> bool:
        """Whether a link opens an image with this epoch now. A wrong signature takes as long as a right one."""
        expected = self._sign(link.path, epoch, link.expires, link.key_id)
        return bool(expected) and hmac.compare_digest(expected, link.signature) and now.timestamp() < link.expires

    def _sign(self, path: str, epoch: int, expires: int, key_id: str) -> str:
        """The signature in letters; none with a key that is not known."""
        message = "\n".join(("v1", "GET", path, str(epoch), str(expires), key_id)).encode()
        signed = self._keys.sign(key_id, message)
        return base64.urlsafe_b64encode(signed).rstrip(b"=").decode() if signed else ""


LONGEST = timedelta(days=30)
"""Of a link's life; whoever needs more makes another one."""
