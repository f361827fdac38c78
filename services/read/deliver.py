"""Deciding which object a request for bytes gets. nginx moves the bytes; this only names them."""

import msgspec

from contracts.errors import ThumbnailUnavailable
from contracts.images import Derivative, Image, Status
from contracts.variants import EXTENSIONS, VARIANTS

VARIANT_NAMES = frozenset(variant.name for variant in VARIANTS)

CLASSIC = frozenset({"image/jpeg", "image/png", "image/gif"})
"""Formats that every client can show."""


class Part(msgspec.Struct, frozen=True):
    """One object of an image and how to present it. `tag` is its entity tag, weak where the format was negotiated.

    `sha256` is hexadecimal, or empty where nobody recorded it.
    """

    key: str
    placement: tuple[str, ...]
    size: int
    sha256: str
    content_type: str
    tag: str
    filename: str
    negotiated: bool


def original(image: Image) -> Part:
    """The bytes as they are stored."""
    blob = image.blob
    return Part(
        key=blob.key,
        placement=blob.placement,
        size=blob.size,
        sha256=blob.sha256,
        content_type=blob.content_type,
        tag=f'"{blob.sha256}"',
        filename=image.filename,
        negotiated=False,
    )


def thumbnail(image: Image, variant: str, accept: str) -> Part | None:
    """The rendering of a variant that the caller likes best; None while it is being made.

    Raises `ThumbnailUnavailable` where there will be none.
    """
    if variant not in VARIANT_NAMES:
        raise ThumbnailUnavailable(status=image.status)
    if image.status is Status.PROCESSING:
        return None
    made = [derivative for derivative in image.blob.derivatives if derivative.variant == variant]
    if image.status is Status.FAILED or not made:
        raise ThumbnailUnavailable(status=image.status)
    best = negotiate(made, accept)
    name = variant_name(image, variant, best.content_type)
    # The key begins with the blob's id, which is older than the image when somebody else had the same bytes before.
    tag = f'W/"{image.id}/{best.key.rpartition("/")[2]}"'
    return Part(
        key=best.key,
        placement=best.placement,
        size=best.size,
        sha256=best.sha256,
        content_type=best.content_type,
        tag=tag,
        filename=name,
        negotiated=True,
    )


def variant_name(image: Image, variant: str, content_type: str) -> str:
    """What a rendering of an image is called when it is saved."""
    return f"{image.filename.rpartition('.')[0] or image.filename}-{variant}.{EXTENSIONS[content_type]}"


def locate(part: Part) -> str:
    """Internal URI of an object, with all that is needed to fetch it and to know whether it is the right one.

    nginx answers from its cache, or asks a read service for `/internal/objects/...`: `http/objects.py`.
    """
    return f"/_object/{part.sha256 or '-'}/{part.size}/{','.join(part.placement)}/{part.key}"


def negotiate(made: list[Derivative], accept: str) -> Derivative:
    """The derivative whose type the Accept header prefers; the smaller file where it has no preference.

    A modern format is chosen only by a client that names it: `*/*` and `image/*` are also sent by clients that
    can't show WebP, so for them the classic formats come first.
    """
    weights = _weights(accept)

    def rank(derivative: Derivative) -> tuple[float, bool, int]:
        kind = derivative.content_type
        weight = weights.get(kind, weights.get("image/*", weights.get("*/*", 0.0 if weights else 1.0)))
        shown = kind in CLASSIC or weights.get(kind, 0.0) > 0
        return (weight, shown, -derivative.size)

    return max(made, key=rank)


def _weights(accept: str) -> dict[str, float]:
    """Media ranges of an Accept header with their weights; nonsense is passed over."""
    weights: dict[str, float] = {}
    for item in accept.lower().split(",")[:32]:
        kind, *parameters = (word.strip() for word in item.split(";"))
        if kind:
            weights[kind] = _quality(parameters)
    return weights


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return min(max(float(parameter[2:]), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
