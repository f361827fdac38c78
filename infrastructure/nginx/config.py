"""Whom the gateway believes."""

from ipaddress import ip_network

from msgspec import Struct, field


class ProxyConfig(Struct, frozen=True):
    """`trusted` are addresses and networks (`10.0.0.7`, `10.0.0.0/8`, `2001:db8::/32`) of proxies before the gateway:
    what they say in X-Forwarded-For of where a request came from is believed. From anybody else it is not.
    """

    trusted: tuple[str, ...] = field(name="CHITRAM_TRUSTED_PROXIES", default=())

    def __post_init__(self) -> None:
        """Refuses what is no network, and one that everybody is in."""
        for text in self.trusted:
            try:
                network = ip_network(text)
            except ValueError as error:
                raise ValueError(f"CHITRAM_TRUSTED_PROXIES: {error}") from None
            if network.prefixlen == 0:
                raise ValueError(f"CHITRAM_TRUSTED_PROXIES: with {text} every client could say that it is another one")
