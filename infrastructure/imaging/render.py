"""All derivatives of one picture, as a list of steps."""

from collections.abc import Iterator
from time import perf_counter

from PIL import Image

from infrastructure.imaging import animation
from infrastructure.imaging.appearance import describe
from infrastructure.imaging.colours import to_srgb, turned_size, upright
from infrastructure.imaging.decode import first_picture
from infrastructure.imaging.encode import content_types, encode
from infrastructure.imaging.rendered import Job, Rendered, RenderedPicture
from infrastructure.imaging.scale import Scaled, fit, shrink


def render(job: Job) -> Rendered:
    """Makes everything that `job` wants. The same bytes each time; raises whatever decoders raise.

    1. decode the first picture at the smallest scale that serves
    2. shrink it to the largest variant
    3. turn it upright
    4. convert its colours to sRGB
    5. describe it
    6. make the animation, where there is one
    7. encode each variant that is wanted, shrinking from size to size
    """
    started = perf_counter()
    box = max(variant.box for variant in job.variants)
    decoded = first_picture(job.data, job.content_type, box)
    largest = shrink(decoded.scaled, fit(decoded.size, box))
    turned = upright(largest, decoded.orientation)
    picture = to_srgb(turned, decoded.profile)
    size = turned_size(decoded.size, decoded.orientation)
    appearance = describe(picture)
    pictures: list[RenderedPicture] = []
    seconds: dict[str, float] = {}
    for made in _encode(job, picture, size, _animate(job)):
        pictures += made
        seconds[made[0].variant], started = perf_counter() - started, perf_counter()
    return Rendered(
        tuple(pictures), appearance.placeholder, appearance.dominant_color, appearance.perceptual_hash, seconds
    )


def _is_wanted(job: Job, variant: str) -> bool:
    return not job.only or variant in job.only


def _animate(job: Job) -> bytes | None:
    box = next((variant.box for variant in job.variants if variant.name == animation.VARIANT), None)
    return animation.animate(job, box) if box and _is_wanted(job, animation.VARIANT) else None


def _encode(
    job: Job, picture: Image.Image, size: tuple[int, int], moving: bytes | None
) -> Iterator[list[RenderedPicture]]:
    """Variant by variant, largest first; one that is no smaller than the one before it has the same bytes."""
    types = content_types(transparent=picture.mode == "RGBA", avif=job.avif)
    encoded: dict[str, bytes] = {}
    for variant in sorted(job.variants, key=lambda wanted: -wanted.box):
        smaller = shrink(Scaled(picture, picture.size), fit(size, variant.box))
        if smaller is not picture:
            picture, encoded = smaller, {}
        if not _is_wanted(job, variant.name):
            continue
        encoded = encoded or {content_type: encode(picture, content_type) for content_type in types}
        shown = encoded
        if moving and variant.name == animation.VARIANT:
            shown = {**encoded, animation.CONTENT_TYPE: moving}
        yield [
            RenderedPicture(variant.name, content_type, picture.width, picture.height, data)
            for content_type, data in shown.items()
        ]
