"""Who sent a request."""

from typing import Any

from litestar import Request

from contracts.principals import ANONYMOUS, Principal


def identify(request: Request[Any, Any, Any]) -> Principal:  # noqa: ARG001 - will read credentials from it
    """The caller of a request. There are no accounts yet, so everyone is anonymous."""
    return ANONYMOUS
