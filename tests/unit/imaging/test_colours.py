"""Colours and sizes next to those that libvips makes."""

import io
import math

import pytest
from PIL import Image, ImageChops, ImageCms, ImageStat

from infrastructure.imaging.colours import to_srgb, turned_size, upright
from infrastructure.imaging.decode import first_picture, set_up_decoders
from infrastructure.imaging.scale import fit, shrink
from tests import corpus
from tests.unit.imaging import files

BOX = 300
DISTANCE = 6.0
"""Root of the mean squared difference, of 255: what sharpening and rounding make of fine detail."""
FARTHER = {
    "pillow/pil_sample_cmyk.jpg": (15.0, "print without a profile is a matter of opinion"),
    "avif/extended_pixi.avif": (30.0, "four pixels, whose colours are spread in different ways"),
}
NOT_COMPARED = {
    "pillow/broken_data_stream.png": "each shows as much as it can of data that end early",
    "pillow/exif_imagemagick_orientation.png": "libvips doesn't read EXIF written as text",
    "avif/colors-animated-8bpc.avif": "this libvips reads no AVIF sequences",
    "avif/colors-animated-8bpc-alpha-exif-xmp.avif": "the same",
}


@pytest.fixture(scope="module", autouse=True)
def decoders():
    """As in a child."""
    set_up_decoders(50_000_000)


@pytest.fixture(scope="module")
def vips():
    """libvips, where it is installed."""
    module = pytest.importorskip("pyvips")
    module.cache_set_max(0)
    return module


def ours(data: bytes, content_type: str) -> Image.Image:
    """A thumbnail as `render` makes it, not yet encoded."""
    decoded = first_picture(data, content_type, BOX)
    small = shrink(decoded.scaled, fit(decoded.size, BOX))
    return to_srgb(upright(small, decoded.orientation), decoded.profile)


def theirs(vips, data: bytes) -> Image.Image:
    """The same by libvips's thumbnailer."""
    made = vips.Image.thumbnail_buffer(data, BOX, height=BOX, size="down", output_profile="srgb").colourspace("srgb")
    made = (made >> 8).cast("uchar") if made.format == "ushort" else made.cast("uchar")
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[made.bands]
    return Image.frombytes(mode, (made.width, made.height), made.write_to_memory())


def distance(one: Image.Image, other: Image.Image) -> float:
    """How different two pictures look on white."""
    shown = []
    for picture in (one, other):
        layer = picture.convert("RGBA")
        shown.append(Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB"))
    squares = [value * value for value in ImageStat.Stat(ImageChops.difference(*shown)).rms]
    return math.sqrt(sum(squares) / 3)


@corpus.needed
@corpus.each("ready")
def test_next_to_libvips(row, vips):
    """Thumbnails have the size, the place and the colours that libvips gives them, from any profile and mode."""
    if row.content_type == "image/heic" or row.file in NOT_COMPARED:
        pytest.skip(NOT_COMPARED.get(row.file, "this libvips reads no HEIC"))
    mine, reference = ours(row.data, row.content_type), theirs(vips, row.data)
    assert mine.size == pytest.approx(reference.size, abs=1)
    assert distance(mine, reference.resize(mine.size)) < FARTHER.get(row.file, (DISTANCE,))[0]


@corpus.needed
@pytest.mark.parametrize("number", range(1, 9))
def test_all_orientations_are_one_picture(number):
    """A photo stored in any of the eight ways gives the same upright thumbnail."""
    known = {row.file: row for row in corpus.rows("ready")}
    first = ours(known["orientation/Landscape_1.jpg"].data, "image/jpeg")
    same = ours(known[f"orientation/Landscape_{number}.jpg"].data, "image/jpeg")
    assert same.size == first.size == (300, 200)
    assert distance(same, first) < 8  # the files themselves differ: each has its number painted in


@pytest.mark.parametrize("orientation", range(9))
def test_turned_size(orientation):
    """The size said for an orientation is the one that turning gives."""
    picture = files.picture(30, 20)
    assert upright(picture, orientation).size == turned_size((30, 20), orientation)


def wide_gamut(size: int = 8) -> tuple[Image.Image, bytes]:
    """A picture and a profile whose red is another: two of its primaries are exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    table = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * profile[131], 12)}
    red, green = table[b"rXYZ"], table[b"gXYZ"]
    profile[red + 4 : red + 12], profile[green + 4 : green + 12] = (
        profile[green + 4 : green + 12],
        profile[red + 4 : red + 12],
    )
    return Image.new("RGB", (size, size), (255, 0, 0)), bytes(profile)


def test_profile_is_applied():
    """Colours are what their profile means by the numbers."""
    picture, profile = wide_gamut()
    assert to_srgb(picture, profile).getpixel((0, 0)) == pytest.approx((0, 255, 0), abs=3)


def test_profile_and_transparency():
    """Transparency is kept through a profile, and dropped where nothing shines through."""
    picture, profile = wide_gamut()
    picture.putalpha(100)
    assert to_srgb(picture, profile).getpixel((0, 0)) == pytest.approx((0, 255, 0, 100), abs=3)
    picture.putalpha(255)
    assert to_srgb(picture, profile).mode == "RGB"


@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_profile_for_grey(mode):
    """A profile for grey is used for grey pictures, also for those with transparency."""
    row = next((row for row in corpus.rows("ready") if row.file == "sharp/concert.jpg"), None)
    if row is None:
        pytest.skip("needs the corpus")
    with Image.open(io.BytesIO(row.data)) as picture:
        profile = picture.info["icc_profile"]
    grey = Image.new("L", (4, 4), 100).convert(mode)
    if mode == "RGBA":
        grey.putalpha(7)
    assert to_srgb(grey, profile).getpixel((0, 0))[0] == pytest.approx(100, abs=15)


@pytest.mark.parametrize(
    "profile", [b"", b"short", b"rubbish " * 40, b"\0" * 16 + b"GRAY" + b"\0" * 200, b"\0" * 16 + b"RGB " + b"\0" * 200]
)
def test_profile_that_can_not_be_used(profile):
    """A broken profile, or one for another kind of colour, is passed over."""
    picture = files.picture()
    assert to_srgb(picture, profile).tobytes() == picture.tobytes()


@pytest.mark.parametrize(
    ("ink", "colour"),
    [((0, 0, 0, 0), (255, 255, 255)), ((0, 0, 0, 255), (35, 31, 32)), ((0, 255, 255, 0), (227, 6, 19))],
)
def test_print_without_a_profile(ink, colour):
    """Inks look as they do on paper, not as light does."""
    assert to_srgb(Image.new("CMYK", (2, 2), ink), b"").getpixel((0, 0)) == pytest.approx(colour, abs=2)
