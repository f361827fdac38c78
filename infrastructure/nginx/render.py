"""What a gateway is, and nginx's configuration for it."""

import re
from pathlib import Path

import msgspec

from infrastructure.nginx import problems

TEMPLATE = Path(__file__).with_name("nginx.conf")

MULTIPART_ROOM = 1 << 20
"""Bytes that an upload's form may have besides its file; the write service measures the file itself."""

_HIDDEN = ("Cache-Control", "Content-Type", "ETag", "Last-Modified", "Vary", "X-Content-Type-Options", "X-Request-ID")
"""What a read service says of an object that it hands to nginx. What the client shall know it has said before."""

_BYTE_HEADERS = (
    ("X-Request-ID", "$chitram_request_id"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "\"default-src 'none'; sandbox\""),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("Strict-Transport-Security", "$chitram_hsts"),
    ("Access-Control-Allow-Origin", "$chitram_allow_origin"),
    ("Access-Control-Expose-Headers", "$chitram_expose_headers"),
    ("ETag", "$chitram_etag"),
    ("Last-Modified", "$chitram_last_modified"),
    ("Vary", "$chitram_vary"),
    ("Cache-Control", "$chitram_cache_control"),
    ("Surrogate-Key", "$chitram_surrogate_key"),
    ("Cache-Tag", "$chitram_surrogate_key"),
    ("Content-Disposition", "$chitram_disposition"),
)
"""Of the read service's answer nginx keeps the type by itself, these have to be carried over."""


_WRITE = ("proxy_next_upstream off;", "proxy_read_timeout 60s;", "proxy_ignore_headers X-Accel-Redirect;")


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """With services: seconds (`1s`) until one has to have taken a connection, for how long it is left alone after
    `max_fails` failures, and that a connection stays open without a request. `tries` is how many are asked for a read.
    """

    connect: str = "1s"
    idle: str = "60s"
    max_fails: int = 2
    alone: str = "3s"
    tries: int = 3


class Pace(msgspec.Struct, frozen=True):
    """How much one address may ask of the gateway: `requests` a second, for a while twice as many, over `connections`.

    Coarse: it keeps floods away from the services, which know their callers and count exactly.
    """

    requests: int = 100
    connections: int = 100


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """TLS at the gateway: where it listens for it, and the files with the certificate, its chain and its key.

    Whoever comes without it, to the gateway's plain address, is sent to `port`, the one that the public knows.
    """

    listen: str
    certificate: Path
    key: Path
    port: int = 443


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """One nginx: where it listens and whom it speaks to.

    `read` and `write` are `host:port`. `max_file_size` is in bytes. `state` is a directory for its own files, `cache`
    one for objects, up to `cache_size` (`1g`). With a `resolver` (Docker's is 127.0.0.11) names of services are looked
    up again every second. `patience` is how long it bears with services. Without a `pace` nobody is held up here.
    `trusted` are addresses and networks of proxies that are believed where a request came from, see `ProxyConfig`.
    """

    listen: str
    read: tuple[str, ...]
    write: tuple[str, ...]
    max_file_size: int
    state: Path
    cache: Path
    cache_size: str = "1g"
    user: str | None = None
    workers: str = "auto"
    open_files: int = 8192
    resolver: str | None = None
    patience: Patience = Patience()
    tls: Tls | None = None
    pace: Pace | None = None
    trusted: tuple[str, ...] = ()


def render(gateway: Gateway) -> str:
    """Text of `nginx.conf`."""
    values = {
        "user": f"user {gateway.user};" if gateway.user else "",
        "state": _path(gateway.state),
        "cache": _path(gateway.cache),
        "cache_size": gateway.cache_size,
        "workers": gateway.workers,
        "open_files": str(gateway.open_files),
        "connections": str(gateway.open_files // 2),
        "resolver": f"resolver {gateway.resolver} valid=1s ipv6=off;" if gateway.resolver else "",
        "listen": _lines(8, _listen(gateway)),
        "redirect": _lines(4, _redirect(gateway)),
        "max_body_size": str(gateway.max_file_size + MULTIPART_ROOM),
        "read_servers": _lines(8, _servers(gateway.read, gateway)),
        "write_servers": _lines(8, _servers(gateway.write, gateway)),
        "any_read_servers": _lines(8, _servers(gateway.read, gateway, remember=False)),
        "any_write_servers": _lines(8, _servers(gateway.write, gateway, remember=False)),
        "cookies": _lines(8, ["proxy_cookie_flags ~ secure;"] if gateway.tls else []),
        "trusted": _lines(4, _trusted(gateway.trusted)),
        "pace_zones": _lines(4, _pace_zones(gateway.pace)),
        "pace": _lines(8, _pace(gateway.pace)),
        "connect_timeout": gateway.patience.connect,
        "idle": gateway.patience.idle,
        "tries": str(gateway.patience.tries),
        "write": _lines(12, [*_WRITE, "proxy_pass http://write$request_uri;"]),
        "write_again": _lines(12, [*_WRITE, "proxy_pass http://write_any$request_uri;"]),
        "error_pages_but_502": _lines(12, problems.error_pages(but=(502,))),
        "error_pages_but_502_504": _lines(12, problems.error_pages(but=(502, 504))),
        "byte_headers": _lines(12, [f"add_header {name} {value};" for name, value in _BYTE_HEADERS]),
        "hidden_headers": _lines(12, [f"proxy_hide_header {name};" for name in _HIDDEN]),
        "error_pages": _lines(8, problems.error_pages()),
        "problem_locations": _lines(8, problems.locations(gateway.max_file_size)),
    }
    return re.sub(r"@\{(\w+)\}", lambda found: values[found[1]], TEMPLATE.read_text())


def _trusted(proxies: tuple[str, ...]) -> list[str]:
    """The last address of X-Forwarded-For that is no trusted proxy's is the client's; what precedes it may be a lie."""
    if not proxies:
        return []
    return [
        *(f"set_real_ip_from {proxy};" for proxy in proxies),
        "real_ip_header X-Forwarded-For;",
        "real_ip_recursive on;",
    ]


def _pace_zones(pace: Pace | None) -> list[str]:
    if pace is None:
        return []
    return [
        f"limit_req_zone $binary_remote_addr zone=requests:10m rate={pace.requests}r/s;",
        "limit_conn_zone $binary_remote_addr zone=connections:10m;",
    ]


def _pace(pace: Pace | None) -> list[str]:
    if pace is None:
        return []
    return [
        f"limit_req zone=requests burst={2 * pace.requests} nodelay;",
        "limit_req_status 429;",
        f"limit_conn connections {pace.connections};",
        "limit_conn_status 429;",
    ]


def _listen(gateway: Gateway) -> list[str]:
    """TLS 1.2 and 1.3 with forward secrecy only, which is what Mozilla calls intermediate."""
    tls = gateway.tls
    if tls is None:
        return [f"listen {gateway.listen} default_server;"]
    return [
        f"listen {tls.listen} ssl default_server;",
        "http2 on;",
        f'ssl_certificate "{_path(tls.certificate)}";',
        f'ssl_certificate_key "{_path(tls.key)}";',
        "ssl_protocols TLSv1.2 TLSv1.3;",
        "ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;",
        "ssl_prefer_server_ciphers off;",
        "ssl_session_cache shared:tls:10m;",
        "ssl_session_timeout 1d;",
        "ssl_session_tickets off;",
    ]


def _redirect(gateway: Gateway) -> list[str]:
    """308 keeps the method, so that not even an upload is lost."""
    if gateway.tls is None:
        return []
    port = "" if gateway.tls.port == 443 else f":{gateway.tls.port}"
    location = f"location / {{ return 308 https://$host{port}$request_uri; }}"
    return [f"server {{ listen {gateway.listen} default_server; server_name _; {location} }}"]


def _servers(addresses: tuple[str, ...], gateway: Gateway, *, remember: bool = True) -> list[str]:
    again = " resolve" if gateway.resolver else ""
    most = gateway.patience.max_fails if remember else 0
    failing = f"max_fails={most} fail_timeout={gateway.patience.alone}"
    return [f"server {address}{again} {failing};" for address in addresses]


def _lines(indent: int, lines: list[str]) -> str:
    return "\n".join(" " * indent + line for line in lines)


def _path(path: Path) -> str:
    """A path that can stand between quotes in nginx's language. Raises ValueError for one that can't."""
    text = str(path)
    if not path.is_absolute() or any(c in text for c in '"\\$\n\r'):
        raise ValueError(f"nginx can't be given the path {text!r}")
    return text
