"""The problem documents (RFC 9457) that nginx answers with by itself."""

import json
from http import HTTPStatus

import msgspec

from contracts import errors


class Problem(msgspec.Struct, frozen=True):
    """An error that nginx finds: its status, our code, a sentence for people and further headers."""

    status: int
    code: str
    detail: str
    headers: tuple[tuple[str, str], ...] = ()


_RETRY = (("Retry-After", str(errors.Unavailable.retry_after)),)
_METHODS = (("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),)

PROBLEMS = (
    Problem(400, errors.InvalidRequest.code, "The request is not valid HTTP."),
    Problem(404, errors.NotFound.code, errors.NotFound.sentence),
    Problem(405, errors.MethodNotAllowed.code, errors.MethodNotAllowed.sentence, _METHODS),
    Problem(408, errors.InvalidRequest.code, "The request took too long to arrive."),
    Problem(412, errors.VersionConflict.code, "The file is not the one that the request is meant for."),
    Problem(413, errors.FileTooLarge.code, errors.FileTooLarge.sentence),
    Problem(414, errors.InvalidRequest.code, "The address is too long."),
    Problem(416, errors.RangeNotSatisfiable.code, errors.RangeNotSatisfiable.sentence),
    Problem(429, "RATE_LIMIT_EXCEEDED", "There were too many requests. Try again shortly.", _RETRY),
    Problem(431, errors.InvalidRequest.code, "The request's headers are too long."),
    Problem(500, errors.InternalFault.code, errors.InternalFault.sentence),
    Problem(501, errors.InvalidRequest.code, "The request's transfer encoding is not known."),
    Problem(502, errors.Unavailable.code, errors.Unavailable.sentence, _RETRY),
    Problem(503, errors.Unavailable.code, errors.Unavailable.sentence, _RETRY),
    Problem(504, errors.Unavailable.code, errors.Unavailable.sentence, _RETRY),
    Problem(505, errors.InvalidRequest.code, "The request's version of HTTP is not known."),
)

_SAFETY = (
    ("X-Content-Type-Options", "nosniff"),
    ("Strict-Transport-Security", "$chitram_hsts"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
)

OWN_STATUSES = {494: 431}
"""nginx's private numbers for what HTTP has a status for; 494 is a header that is too long."""

_AFTER_HEADERS = {416}
"""Found when the answer's headers, the common ones too, are there already."""


def error_pages(*, but: tuple[int, ...] = ()) -> list[str]:
    """Directives that send each status to its location, `but` these. A place with one of its own inherits none."""
    pages = [
        f"error_page {problem.status} /_problem/{problem.status};" for problem in PROBLEMS if problem.status not in but
    ]
    return pages + [f"error_page {own} ={status} /_problem/{status};" for own, status in OWN_STATUSES.items()]


def locations(max_file_size: int) -> list[str]:
    """The locations themselves, line by line. `max_file_size` (bytes) is told to whoever exceeds it."""
    return [line for problem in PROBLEMS for line in _location(problem, max_file_size)]


def _location(problem: Problem, max_file_size: int) -> list[str]:
    details = {"limit": max_file_size} if problem.status == 413 else {}
    document = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "details": details,
        "request_id": "$chitram_request_id",
    }
    common = (("X-Request-ID", "$chitram_request_id"), *_SAFETY)
    headers = problem.headers if problem.status in _AFTER_HEADERS else (*common, *problem.headers)
    text = json.dumps(document, ensure_ascii=False).replace("'", "\\u0027")  # nginx ends the word at an apostrophe
    return [
        f"location = /_problem/{problem.status} {{",
        "    internal;",
        "    default_type application/problem+json;",
        *(f'    add_header {name} "{value}" always;' for name, value in headers),
        '    add_header Cache-Control "no-store" always;',
        f"    return {problem.status} '{text}';",
        "}",
    ]
