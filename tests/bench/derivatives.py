"""CPU of a whole derivative set, ours against libvips's, in one run.

Both decode the same bytes once, shrink from size to size, and encode the same variants with the same quality numbers:
WebP at 80, effort 4, and JPEG at 80, or PNG where there is transparency. libvips runs in one thread with its cache off;
CPU is that of the whole process, so no thread's work is left out.
"""

import os
import time
from collections.abc import Callable
from importlib import import_module
from io import BytesIO
from statistics import median

import msgspec
from PIL import Image, ImageChops

from contracts.variants import VARIANTS
from infrastructure.imaging.decode import set_up_decoders
from infrastructure.imaging.render import render
from infrastructure.imaging.rendered import Job

_ROUNDS = 9


class Derivatives(msgspec.Struct, frozen=True):
    """Median CPU seconds of one derivative set, and bytes made.

    `libvips` goes from size to size as we do; `libvips_each` starts from the file for each size, as its thumbnailer is
    usually called. `most` is the ratio to the former that must not be exceeded.
    """

    picture: str
    most: float
    ours: float
    libvips: float
    libvips_each: float
    our_bytes: int
    libvips_bytes: int

    @property
    def ratio(self) -> float:
        """Below one: we are cheaper."""
        return self.ours / self.libvips


def measure() -> tuple[Derivatives, ...]:
    """Measures a 12-megapixel photo and a half-megapixel PNG with transparency; takes about 10 s."""
    set_up_decoders(max_pixels=50_000_000)
    return (
        _compare("12-megapixel JPEG", photo(), "image/jpeg", most=1.0),
        _compare("0.5-megapixel transparent PNG", logo(), "image/png", most=1.3),
    )


def photo() -> bytes:
    """A 4000 x 3000 JPEG with the detail of a photo: smooth forms under noise."""
    layers = [_texture((4000, 3000), angle) for angle in (0, 90, 180)]
    return _saved(Image.merge("RGB", layers), "JPEG", quality=88)


def logo() -> bytes:
    """An 860 x 600 PNG whose edges fade into transparency."""
    size = (860, 600)
    picture = Image.merge("RGB", [Image.linear_gradient("L").rotate(angle).resize(size) for angle in (0, 90, 180)])
    picture.putalpha(ImageChops.invert(Image.radial_gradient("L")).resize(size))
    return _saved(picture, "PNG")


def _texture(size: tuple[int, int], angle: int) -> Image.Image:
    coarse = Image.effect_noise((size[0] // 40, size[1] // 40), 90).resize(size, Image.Resampling.BICUBIC)
    slope = Image.linear_gradient("L").rotate(angle).resize(size)
    grain = Image.effect_noise(size, 10)
    return ImageChops.add(Image.blend(coarse, slope, 0.5), grain, 1, -128)


def _compare(name: str, data: bytes, content_type: str, *, most: float) -> Derivatives:
    transparent = content_type == "image/png"
    job = Job(data, content_type, frames=1, variants=VARIANTS, avif=False)
    ways = (lambda: render(job), _libvips(data, transparent, chained=True), _libvips(data, transparent, chained=False))
    rounds = [[_cpu(way) for way in ways] for _ in range(_ROUNDS)]
    ours, chained, each = (median(times) for times in zip(*rounds, strict=True))
    our_bytes = sum(len(picture.data) for picture in render(job).pictures)
    return Derivatives(name, most, ours, chained, each, our_bytes, ways[1]())


def _libvips(data: bytes, transparent: bool, *, chained: bool) -> Callable[[], int]:
    """Makes the set with libvips, from size to size or each from the file; the number is that of bytes."""
    os.environ["VIPS_CONCURRENCY"] = "1"
    pyvips = import_module("pyvips")
    pyvips.cache_set_max(0)

    def make() -> int:
        size, picture = 0, None
        for variant in sorted(VARIANTS, key=lambda wanted: -wanted.box):
            box = {"height": variant.box, "size": "down"}
            if picture is None or not chained:
                picture = pyvips.Image.thumbnail_buffer(data, variant.box, **box)
            else:
                picture = picture.thumbnail_image(variant.box, **box)
            picture = picture.copy_memory()
            size += len(picture.webpsave_buffer(Q=80, effort=4, strip=True))
            other = picture.pngsave_buffer(strip=True) if transparent else picture.jpegsave_buffer(Q=80, strip=True)
            size += len(other)
        return size

    return make


def _cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _saved(picture: Image.Image, name: str, **settings: int) -> bytes:
    out = BytesIO()
    picture.save(out, name, **settings)
    return out.getvalue()


if __name__ == "__main__":
    for found in measure():
        print(
            f"{found.picture}: ours {1000 * found.ours:.0f} ms, libvips {1000 * found.libvips:.0f} ms,"
            f" ratio {found.ratio:.2f} ({1000 * found.libvips_each:.0f} ms each from the file);"
            f" {found.our_bytes:,} and {found.libvips_bytes:,} bytes"
        )
