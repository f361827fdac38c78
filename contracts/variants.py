"""The closed list of derivatives, as data.

A recipe's number is part of every object key, so a changed recipe never overwrites the objects
an older one made; `RECIPE` grows by one whenever the same original would render differently.
"""

from uuid import UUID

import msgspec

RECIPE = 1


class Variant(msgspec.Struct, frozen=True):
    """A picture to make: it fits inside a square of `box` pixels and is never enlarged."""

    name: str
    box: int


VARIANTS = (Variant("small", 150), Variant("medium", 300), Variant("large", 800))
DEFAULT_VARIANT = "medium"

EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/heic": "heic",
}
"""File name extension of each type we take in or make."""


def derivative_key(blob_id: UUID, variant: str, content_type: str) -> str:
    """Object name of a derivative: `<blob id>/<variant>-r<recipe>.<extension>`."""
    return f"{blob_id}/{variant}-r{RECIPE}.{EXTENSIONS[content_type]}"
