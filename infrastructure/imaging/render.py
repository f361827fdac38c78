"""All derivatives of one picture, as a list of steps."""

from collections.abc import Iterator

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
    7. encode each variant, shrinking from size to size
    """
    box = max(variant.box for variant in job.variants)
    decoded = first_picture(job.data, job.content_type, box)
    largest = shrink(decoded.scaled, fit(decoded.size, box))
    turned = upright(largest, decoded.orientation)
    picture = to_srgb(turned, decoded.profile)
    size = turned_size(decoded.size, decoded.orientation)
    appearance = describe(picture)
    moving = _animate(job)
    pictures = tuple(_encode(job, picture, size, moving))
    return Rendered(pictures, appearance.placeholder, appearance.dominant_color, appearance.perceptual_hash)


def _animate(job: Job) -> bytes | None:
    box = next((variant.box for variant in job.variants if variant.name == animation.VARIANT), None)
    return animation.animate(job, box) if box else None


def _encode(job: Job, picture: Image.Image, size: tuple[int, int], moving: bytes | None) -> Iterator[RenderedPicture]:
    """Largest first; a variant that is no smaller than the one before it has the same bytes."""
    types = content_types(transparent=picture.mode == "RGBA", avif=job.avif)
    encoded: dict[str, bytes] = {}
    for variant in sorted(job.variants, key=lambda wanted: -wanted.box):
        smaller = shrink(Scaled(picture, picture.size), fit(size, variant.box))
        if smaller is not picture or not encoded:
            picture = smaller
            encoded = {content_type: encode(picture, content_type) for content_type in types}
        for content_type, data in encoded.items():
            moves = moving if variant.name == animation.VARIANT and content_type == animation.CONTENT_TYPE else None
            yield RenderedPicture(variant.name, content_type, picture.width, picture.height, moves or data)
