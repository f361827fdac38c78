"""Which scanner is asked about uploads, if any."""

from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct, field

SCHEMES = ("clamd", "http", "https")


class OnError(StrEnum):
    """What becomes of an upload that could not be scanned."""

    REFUSE = "refuse"
    ACCEPT = "accept"


class ScannerConfig(Struct, frozen=True, kw_only=True):
    """`address` is `clamd://host:port`, `clamd:///path/of/a/socket`, or the `http(s)://` address of a hook; nothing for
    no scanner. `timeout` is how many seconds a verdict may take: so few that what a missing one means can still be done
    within the nine seconds that an upload has.
    """

    address: str = field(name="CHITRAM_SCANNER", default="")
    on_error: OnError = field(name="CHITRAM_SCANNER_ON_ERROR", default=OnError.REFUSE)
    timeout: Annotated[float, Meta(gt=0, le=7)] = field(name="CHITRAM_SCANNER_TIMEOUT", default=5.0)

    def __post_init__(self) -> None:
        """Refuses what no scanner could be reached by."""
        if self.address and not _is_address(self.address):
            raise ValueError("CHITRAM_SCANNER: expected clamd://host:port, clamd:///socket, http://... or https://...")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        whole = bool(parts.hostname and (parts.port or parts.scheme != "clamd"))
    except ValueError:  # a port that is no number
        return False
    return parts.scheme in SCHEMES and (whole or (parts.scheme == "clamd" and not parts.netloc and len(parts.path) > 1))
