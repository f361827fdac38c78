"""The closed list of derivatives, as data.

An object key names the recipe and the bytes that it holds, so what is rendered anew never overwrites what readers
still fetch. A variant's `recipe` grows by one whenever its pictures shall look different; `chitram rerender` then
makes those of older recipes anew.
"""

from hashlib import sha256
from uuid import UUID

import msgspec


class Variant(msgspec.Struct, frozen=True):
    """A picture to make: it fits inside a square of `box` pixels and is never enlarged."""

    name: str
    box: int
    recipe: int = 1


VARIANTS = (Variant("small", 150), Variant("medium", 300), Variant("large", 800))
DEFAULT_VARIANT = "medium"

_RECIPES = {variant.name: variant.recipe for variant in VARIANTS}
_DIGEST = 12
"""Hexadecimal digits: within one image's few pictures nothing else has the same."""

EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/heic": "heic",
}
"""File name extension of each type we take in or make."""


def recipe_of(variant: str) -> int:
    """The recipe by which a variant is made now. Raises `KeyError` for one that isn't made."""
    return _RECIPES[variant]


def derivative_key(blob_id: UUID, variant: str, content_type: str, data: bytes) -> str:
    """Object name of a derivative: `<blob id>/<variant>-r<recipe>-<start of its SHA-256>.<extension>`."""
    digest = sha256(data).hexdigest()[:_DIGEST]
    return f"{blob_id}/{variant}-r{recipe_of(variant)}-{digest}.{EXTENSIONS[content_type]}"
