"""Failures as RFC 9457 problem documents: the one table from errors to HTTP."""

import logging
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, NotFoundException

from contracts import errors
from infrastructure.telemetry.request_id import request_id
from services.shared.addresses import methods_of

logger = logging.getLogger(__name__)

STATUSES: dict[type[errors.ChitramError], int] = {
    errors.InvalidField: 422,
    errors.MissingFile: 422,
    errors.FileTooLarge: 413,
    errors.RangeNotSatisfiable: 416,
    errors.InvalidRequest: 400,
    errors.MethodNotAllowed: 405,
    errors.NotFound: 404,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.EmailExists: 409,
    errors.IdempotencyKeyReused: 409,
    errors.RateLimitExceeded: 429,
    errors.VersionConflict: 412,
    errors.Unavailable: 503,
}
"""HTTP status of each error; an error that is not here has its parent's."""

FRAMEWORK_ERRORS: dict[int, Callable[[], errors.ChitramError]] = {
    400: errors.InvalidRequest,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    413: partial(errors.FileTooLarge, "The body is too large."),
}
"""What the statuses that the framework raises by itself mean in our words."""


class Problem(msgspec.Struct, frozen=True):
    """A problem document. `code` is for programs, `detail` for people, `details` holds facts for programs."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    details: dict[str, Any]
    request_id: str | None


def status_of(error: errors.ChitramError) -> int:
    """HTTP status of an error: its own, else its nearest ancestor's."""
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)


def problem_of(error: errors.ChitramError) -> Problem:
    """The document that tells a caller of `error`."""
    status = status_of(error)
    return Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=error.detail,
        code=error.code,
        details=error.details,
        request_id=request_id.get(),
    )


def answer_exception(request: Request[Any, Any, Any], exception: Exception) -> Response[Problem]:
    """Turns whatever a handler raised into a problem document.

    An error that nobody foresaw is logged with its request id; the caller learns that id and nothing else.
    """
    error = _in_our_words(request, exception)
    headers = {"cache-control": "no-store"}
    if isinstance(error, (errors.Unavailable, errors.RateLimitExceeded)):
        headers["retry-after"] = str(error.retry_after)
    if isinstance(error, errors.RateLimitExceeded) and error.limit is not None:
        headers |= {"ratelimit-limit": str(error.limit), "ratelimit-remaining": "0"}
        headers["ratelimit-reset"] = str(error.reset_after)
    if isinstance(error, errors.Unauthorized):
        headers["www-authenticate"] = "Bearer"
    if isinstance(exception, HTTPException) and exception.headers:
        headers.update({name.lower(): value for name, value in exception.headers.items()})
    if isinstance(error, errors.MethodNotAllowed) and (methods := methods_of(request.scope["path"])):
        headers["allow"] = ", ".join(methods)
    return Response(
        problem_of(error), status_code=status_of(error), headers=headers, media_type="application/problem+json"
    )


def _in_our_words(request: Request[Any, Any, Any], exception: Exception) -> errors.ChitramError:
    if isinstance(exception, errors.Unavailable):
        # In an outage there is one of these for each request: the cause is enough, the traceback too much.
        path, cause = request.scope["path"], exception.__cause__
        logger.warning("unavailable: %s %s: %s (%r)", request.method, path, exception, cause)
        return exception
    if isinstance(exception, (errors.NotFound, NotFoundException)) and _is_elsewhere(request):
        return errors.MethodNotAllowed()
    if isinstance(exception, errors.ChitramError):
        return exception
    if isinstance(exception, HTTPException) and exception.status_code < 500:
        return FRAMEWORK_ERRORS.get(exception.status_code, errors.InvalidRequest)()
    logger.error("unforeseen: %s %s", request.method, request.scope["path"], exc_info=exception)
    return errors.InternalFault()


def _is_elsewhere(request: Request[Any, Any, Any]) -> bool:
    """Whether the address exists, but with other methods, be it at another service."""
    methods = methods_of(request.scope["path"])
    return bool(methods) and request.method not in methods
