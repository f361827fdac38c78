"""Which caches before the gateway are told what to forget, if any."""

from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct, field

HOOKS = ("http", "https")
NETWORKS = ("fastly", "cloudflare", "cloudfront")

SLACK = 0.5
"""Seconds for what our own process needs, besides."""

MOST_HELD_UP = 7.0
"""Seconds that caches may hold up a change, which has nine for everything."""


class CdnConfig(Struct, frozen=True, kw_only=True):
    """`addresses` are all that keep copies: `varnish://host:port`, `fastly://SERVICE`, `cloudflare://ZONE`,
    `cloudfront://DISTRIBUTION`, or the `http(s)://` address of a hook. `token` is the secret that they want, so
    those that get it are of one kind, and hooks on one host; CloudFront's is `<access key>:<secret key>`.
    `timeout` is how many seconds one of them may take to answer.
    `window` is more seconds than lie between a cache's question to the gateway and its keeping the answer; in
    `deploy/varnish/default.vcl` these are 0.2.
    """

    addresses: tuple[str, ...] = field(name="CHITRAM_CDN", default=())
    token: str = field(name="CHITRAM_CDN_TOKEN", default="")
    timeout: Annotated[float, Meta(gt=0, le=3)] = field(name="CHITRAM_CDN_TIMEOUT", default=1.0)
    window: Annotated[float, Meta(ge=0, le=2)] = field(name="CHITRAM_CDN_WINDOW", default=0.3)

    @property
    def patience(self) -> float:
        """Seconds that a change waits for the caches: for a call that is under way already, then for its own."""
        return 2 * self.timeout + SLACK

    def __post_init__(self) -> None:
        """Refuses what nothing could be reached by, and what no change could wait for."""
        if self.patience + self.window > MOST_HELD_UP:
            raise ValueError(
                "CHITRAM_CDN_TIMEOUT: twice this and CHITRAM_CDN_WINDOW together may be "
                f"{MOST_HELD_UP - SLACK:g} at most"
            )
        for address in self.addresses:
            if not _is_address(address):
                raise ValueError(
                    "CHITRAM_CDN: expected varnish://host:port, fastly://SERVICE, cloudflare://ZONE, "
                    "cloudfront://DISTRIBUTION, http://... or https://..."
                )
            if address.startswith(NETWORKS) and not self.token:
                raise ValueError(f"CHITRAM_CDN_TOKEN: {address.partition(':')[0]} wants one")
        told = {_who_is_told(address) for address in self.addresses} - {None}
        if self.token and len(told) > 1:
            raise ValueError(f"CHITRAM_CDN_TOKEN: one secret can't be for {' and '.join(sorted(map(str, told)))}")
        if self.token and any(_has_password(address) for address in self.addresses):
            raise ValueError("CHITRAM_CDN_TOKEN: a hook takes this or the password in its address, not both")
        if any(address.startswith("cloudfront") for address in self.addresses) and ":" not in self.token:
            raise ValueError("CHITRAM_CDN_TOKEN: for CloudFront expected <access key>:<secret key>")


def _who_is_told(address: str) -> str | None:
    """Who learns the secret by a call to an address: a network, or a hook's host; None for Varnish."""
    parts = urlsplit(address)
    if parts.scheme in HOOKS:
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return parts.scheme if parts.scheme in NETWORKS else None


def _has_password(address: str) -> bool:
    return address.startswith(HOOKS) and "@" in urlsplit(address).netloc


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        if parts.scheme == "varnish":
            return bool(parts.hostname and parts.port) and parts.path in {"", "/"}
    except ValueError:  # a port that is no number
        return False
    return parts.scheme in {*HOOKS, *NETWORKS} and bool(parts.hostname)
