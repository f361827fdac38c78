"""Renders nginx's configuration from what it has to know. Pure: the same settings give the same text."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import msgspec

TEMPLATE = Path(__file__).parent / "nginx.conf"

MAX_FORM_OVERHEAD = 1 << 20
"""Bytes that a form may have besides its file; the write service checks the file's own size exactly."""

_UNSAFE = re.compile(r"[\"'\\$;{}#\x00-\x1f]")


class NginxSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What differs from place to place.

    `listen` and the servers are `host:port`; `s3_endpoints` are those of the shards' URLs, letter for letter, because
    they are signed; `directories` are the file shards by name. `max_file_size` is in bytes. `resolver` is a DNS
    server for server names that come and go, as in Docker; without it names are looked up once, at the start.
    """

    listen: str
    read: tuple[str, ...]
    write: tuple[str, ...]
    s3_endpoints: tuple[str, ...] = ()
    directories: dict[str, str] = {}
    max_file_size: int = 25 << 20
    workers: str = "auto"
    cache_size: str = "1g"
    access_log: str = "access.log"
    resolver: str | None = None


class Problem(NamedTuple):
    """An error that nginx finds by itself, in the words of the API."""

    status: int
    code: str
    detail: str
    retry_after: int | None = None


PROBLEMS = (
    Problem(400, "INVALID_REQUEST", "The request could not be understood."),
    Problem(404, "NOT_FOUND", "There is nothing at this address."),
    Problem(405, "METHOD_NOT_ALLOWED", "This address does not answer to this method."),
    Problem(408, "INVALID_REQUEST", "The request took too long to arrive."),
    Problem(413, "FILE_TOO_LARGE", "The file is too large."),
    Problem(414, "INVALID_REQUEST", "The address is too long."),
    Problem(416, "RANGE_NOT_SATISFIABLE", "The range lies outside the file."),
    Problem(429, "RATE_LIMIT_EXCEEDED", "Too many requests. Try again shortly.", 1),
    Problem(431, "INVALID_REQUEST", "The request's headers are too large."),
    Problem(500, "INTERNAL_ERROR", "Something went wrong on our side."),
    Problem(502, "SERVICE_UNAVAILABLE", "The service can't answer just now. Try again shortly.", 1),
    Problem(503, "SERVICE_UNAVAILABLE", "The service can't answer just now. Try again shortly.", 1),
    Problem(504, "SERVICE_UNAVAILABLE", "The service took too long to answer. Try again shortly.", 1),
)

OWN_STATUSES = {494: 431, 495: 400, 496: 400, 497: 400, 501: 405, 505: 400}
"""nginx's own statuses, and those the API has no words for, answered as another."""

BYTES_HEADERS = """\
# The read service's answer is still $upstream_http_* here; once a shard has answered it is the shard's.
set $chitram_etag $upstream_http_etag;
set $chitram_modified $upstream_http_last_modified;
set $chitram_vary $upstream_http_vary;
set $chitram_cache_control $upstream_http_x_delivery_cache_control;
set $chitram_disposition $upstream_http_x_delivery_disposition;
add_header ETag $chitram_etag;
add_header Last-Modified $chitram_modified;
add_header Vary $chitram_vary;
add_header Cache-Control $chitram_cache_control;
add_header Content-Disposition $chitram_disposition;
add_header X-Request-ID $chitram_request_id always;
add_header X-Content-Type-Options nosniff always;
add_header Content-Security-Policy "default-src 'none'; sandbox" always;
add_header Cross-Origin-Resource-Policy cross-origin always;"""
"""What goes with bytes that strangers uploaded: they are shown or saved, never run.

Two headers come under names of our own, because nginx carries Cache-Control and Content-Disposition over by
itself, also into the error that an attempt may end with; nobody shall keep an error for an hour.
"""


def render(settings: NginxSettings) -> str:
    """The configuration as text. Raises `ValueError` for an address or a path that can't stand in one."""
    values = {
        "workers": settings.workers,
        "resolver": f"resolver {_safe(settings.resolver)} valid=1s ipv6=off;" if settings.resolver else "",
        "access_log": _safe(settings.access_log),
        "max_body": str(settings.max_file_size + MAX_FORM_OVERHEAD),
        "read_servers": _servers(settings.read, settings),
        "write_servers": _servers(settings.write, settings),
        "s3_upstreams": "\n".join(_s3_upstream(n, e) for n, e in enumerate(settings.s3_endpoints)),
        "s3_map": _lines(f'"{_safe(endpoint)}" s3_{n};' for n, endpoint in enumerate(settings.s3_endpoints)),
        "file_map": _lines(f'"{_safe(name)}" "{_safe(path)}";' for name, path in settings.directories.items()),
        "cache_size": _safe(settings.cache_size),
        "listen": _safe(settings.listen),
        "bytes_headers": BYTES_HEADERS,
        "error_pages": _lines(_error_pages()),
        "problems": "\n".join(_problem_location(problem) for problem in PROBLEMS),
    }
    return re.sub(r"( *)@([a-z0-9_]+)@", lambda match: _indented(match[1], values[match[2]]), TEMPLATE.read_text())


def _servers(addresses: tuple[str, ...], settings: NginxSettings) -> str:
    resolve = " resolve" if settings.resolver else ""
    return _lines(f"server {_safe(address)}{resolve} max_fails=2 fail_timeout=1s;" for address in addresses)


def _s3_upstream(number: int, endpoint: str) -> str:
    return f"upstream s3_{number} {{\n    server {_safe(endpoint)};\n    keepalive 64;\n}}\n"


def _error_pages() -> Iterable[str]:
    for problem in PROBLEMS:
        yield f"error_page {problem.status} /_problem/{problem.status};"
    for own, status in OWN_STATUSES.items():
        yield f"error_page {own} ={status} /_problem/{status};"


def _problem_location(problem: Problem) -> str:
    document = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "details": {},
        "request_id": "$chitram_request_id",
    }
    text = msgspec.json.encode(document).decode().replace("'", "\\'")
    body = [
        "internal;",
        "default_type application/problem+json;",
        *_problem_headers(problem),
        f"return {problem.status} '{text}';",
    ]
    return f"location = /_problem/{problem.status} {{\n{_indented('    ', _lines(body))}\n}}\n"


def _problem_headers(problem: Problem) -> list[str]:
    """All of a problem's headers, because a location with one of its own has none of its server's.

    416 is found when the headers of the bytes have been added already; a second set would double them.
    """
    if problem.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return ["add_header Accept-Ranges bytes always;"]
    headers = [
        "add_header X-Request-ID $chitram_request_id always;",
        "add_header X-Content-Type-Options nosniff always;",
        "add_header Cache-Control no-store always;",
    ]
    return [*headers, f"add_header Retry-After {problem.retry_after} always;"] if problem.retry_after else headers


def _safe(text: str) -> str:
    if not text or _UNSAFE.search(text):
        raise ValueError(f"can't stand in nginx's configuration: {text!r}")
    return text


def _indented(indent: str, value: str) -> str:
    return _lines(indent + line if line else line for line in value.splitlines())


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)
