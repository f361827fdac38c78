"""Where a request came from."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from litestar.types import HTTPScope

from services.shared.headers import header_of


def address_of(scope: HTTPScope) -> str:
    """The client's address as the gateway gives it, which overwrites what clients claim; without one, the peer's."""
    forwarded = header_of(scope, b"x-forwarded-for")
    if forwarded is not None:
        return forwarded.rpartition(",")[2].strip()[:64]
    client = scope.get("client")
    return client[0] if client else "unknown"


@lru_cache(maxsize=10_000)
def network_of(address: str | None) -> str:
    """What is counted as one caller: an IPv4 address, or the /64 that an IPv6 host can choose its addresses from."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return "unknown"
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
