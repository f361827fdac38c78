"""Reading single headers of a request.

From the raw ones, because some of it is done for every read: Litestar's `request.headers` decodes all of them first.
"""

from litestar.types import HTTPScope


def header_of(scope: HTTPScope, name: bytes) -> str | None:
    """The first header of this name, which is in lower case; None when there is none."""
    for other, value in scope["headers"]:
        if other == name:
            return value.decode("latin-1")
    return None
