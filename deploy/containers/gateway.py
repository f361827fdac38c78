"""The gateway of the compose stack, as data."""

from pathlib import Path
from typing import Annotated

import msgspec

from deploy.containers.places import Places
from infrastructure import env
from infrastructure.nginx.config import ProxyConfig
from infrastructure.nginx.render import Gateway, Pace, Patience, Tls
from services.write.config import WriteConfig

DOCKERS_DNS = "127.0.0.11"
PATIENCE = Patience(connect="200ms", idle="2s", max_fails=1, alone="1s", tries=5)
"""With services that come and go under one name: where a container has gone, connections get no answer, where one has
just come, they are refused. `idle` is less than the services' `CHITRAM_LINGER`.
"""


class GatewayConfig(msgspec.Struct, frozen=True):
    """`cache_size` bounds the cache of objects (`1g`), `workers` is how many processes nginx has.

    With `tls` it answers over TLS, with a certificate and a key that are given as secrets, and plain HTTP is sent to
    `https_port`. With `pace` it holds up floods from single addresses.
    """

    cache_size: Annotated[str, msgspec.Meta(pattern="^[0-9]+[mg]$")] = msgspec.field(
        name="CHITRAM_GATEWAY_CACHE", default="1g"
    )
    workers: Annotated[str, msgspec.Meta(pattern="^(auto|[0-9]+)$")] = msgspec.field(
        name="CHITRAM_GATEWAY_WORKERS", default="auto"
    )
    pace: bool = msgspec.field(name="CHITRAM_GATEWAY_PACE", default=False)
    tls: bool = msgspec.field(name="CHITRAM_GATEWAY_TLS", default=False)
    https_port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = msgspec.field(
        name="CHITRAM_GATEWAY_HTTPS_PORT", default=443
    )


SECRETS = Path("/run/secrets")


def gateway(places: Places) -> Gateway:
    """Reads the rest from the environment: the greatest file, the cache, trusted proxies. Raises `env.ConfigError`."""
    config = env.read(GatewayConfig)
    return Gateway(
        listen="8080",
        read=places.read,
        write=places.write,
        max_file_size=env.read(WriteConfig).max_file_size,
        state=Path("/run/chitram"),
        cache=Path("/var/cache/chitram"),
        cache_size=config.cache_size,
        user="nginx",
        workers=config.workers,
        resolver=DOCKERS_DNS,
        patience=PATIENCE,
        pace=Pace() if config.pace else None,
        trusted=env.read(ProxyConfig).trusted,
        tls=_tls(config) if config.tls else None,
    )


def _tls(config: GatewayConfig) -> Tls:
    return Tls(
        listen="8443",
        certificate=SECRETS / "tls_certificate",
        key=SECRETS / "tls_key",
        port=config.https_port,
    )
