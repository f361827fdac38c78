"""The id that joins one request's log lines, its answer and nginx's access log."""

import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Id of the request that this task works for; log lines carry it."""

_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def choose(offered: str | None, *, new: Callable[[], str] = lambda: secrets.token_hex(16)) -> str:
    """The id a client offered when it is fit to be logged and sent back, else a new one."""
    return offered if offered and _SANE.fullmatch(offered) else new()
