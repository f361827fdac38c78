"""Which methods each public address answers to, over all services.

nginx sends reading methods to one service and writing ones to another, so neither knows by itself whether an
address that it lacks exists, nor what else one that it has can do.
"""

import re

_READ = ("GET", "HEAD")

ADDRESSES: dict[str, tuple[str, ...]] = {
    "/api/v1/images": _READ,
    "/api/v1/images/upload": ("POST",),
    "/api/v1/images/{image_id}": (*_READ, "PATCH", "DELETE"),
    "/api/v1/images/{image_id}/file": _READ,
    "/api/v1/images/{image_id}/links": ("POST", "DELETE"),
    "/api/v1/images/{image_id}/restore": ("POST",),
    "/api/v1/images/{image_id}/thumbnail": _READ,
    "/api/v1/images/{image_id}/thumbnails/{variant}": _READ,
    "/api/v1/auth/register": ("POST",),
    "/api/v1/auth/login": ("POST",),
    "/api/v1/auth/logout": ("POST",),
    "/api/v1/auth/password": ("POST",),
    "/api/v1/auth/me": (*_READ, "DELETE"),
    "/api/v1/api-keys": (*_READ, "POST"),
    "/api/v1/api-keys/{key_id}": ("DELETE",),
    "/api/v1/stats": _READ,
    "/health": _READ,
    "/openapi.json": _READ,
    "/docs": _READ,
    "/docs/{name}": _READ,
}
"""Methods by path template; where two fit a path, the first counts."""

_patterns = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), methods) for path, methods in ADDRESSES.items()]


def methods_of(path: str) -> tuple[str, ...]:
    """The methods that a path answers to; none when it is nobody's."""
    path = path.rstrip("/")
    return next((methods for pattern, methods in _patterns if pattern.fullmatch(path)), ())
