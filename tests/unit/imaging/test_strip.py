"""What a picture says about people is taken out, and not a pixel is touched."""

import contextlib
import io
import re
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from contracts.errors import InvalidRequest
from infrastructure.imaging import exif
from infrastructure.imaging.config import ImagingLimits
from infrastructure.imaging.decode import set_up_decoders
from infrastructure.imaging.metadata import open_stripped, strip
from infrastructure.imaging.probe import probe
from tests import corpus
from tests.unit.imaging import files
from tests.unit.imaging.stripping import TYPES, camera, decoded, stripped

STRICTER_DECODER = {
    "heic/truncated.heic": "libheif wants the second picture, which is cut",
    "pillow/broken_data_stream.png": "the data end early",
    "pillow/chunk_no_fctl.png": "an animation without its frames",
    "pillow/chunk_no_fdat.png": "the same",
    "pillow/decompression_bomb_extents.gif": "the second frame is a bomb",
    "pillow/truncated_end_chunk.png": "the end is missing",
}
"""Files that Pillow, used as it comes, refuses before as well as after."""


PNG_TEXTS = (
    files.PNG_SIGNATURE
    + files.png_header(9, 9)
    + files.png_chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(10**6))) * 10_000
    + files.png_chunk(b"IDAT")
)
ITEMS = range(1, 10_000)
AVIF_ITEMS = files.box(b"ftyp", b"avif", bytes(4)) + files.box(
    b"meta",
    bytes(4),
    files.box(
        b"iinf",
        struct.pack(">IH", 0, len(ITEMS)),
        *(files.box(b"infe", struct.pack(">IHH4s", 2 << 24, n, 0, (b"Exif", b"av01")[n % 2])) for n in ITEMS),
    ),
    files.box(
        b"iloc",
        struct.pack(">IBBH", 0, 0x88, 0, len(ITEMS)),
        *(struct.pack(">HHHQQ", n, 0, 1, n, 2**60) for n in ITEMS),
    ),
)


@pytest.fixture(scope="module", autouse=True)
def decoders():
    """HEIC is read where its extra is installed."""
    set_up_decoders(ImagingLimits().max_pixels)


def words(data: bytes) -> set[str]:
    """Names of everything a metadata reader finds, but the orientation."""
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        texts = {str(name) for name, value in picture.info.items() if isinstance(value, str)}
        told = {"comment", "xmp", "photoshop", "XML:com.adobe.xmp"} & picture.info.keys()
        return texts | told | {f"exif {tag}" for tag in picture.getexif() if tag != exif.ORIENTATION}


@corpus.needed
@corpus.each("ready")
def test_pixels_are_untouched(row):
    """Whatever a decoder shows of a file it shows of the stripped one."""
    if row.file in STRICTER_DECODER:
        pytest.skip(STRICTER_DECODER[row.file])
    assert decoded(stripped(row.data, row.content_type)) == decoded(row.data)


@corpus.needed
@corpus.each("ready")
def test_nothing_is_left_to_tell(row):
    """A metadata reader finds nothing in any stripped file but the way it is to be turned."""
    if row.file in STRICTER_DECODER:
        pytest.skip(STRICTER_DECODER[row.file])
    assert words(stripped(row.data, row.content_type)) == set()


@corpus.needed
@corpus.each("ready")
def test_stripping_is_settled_at_once(row):
    """Stripped files are what they were, are not changed again, and say whether they were changed."""
    file = io.BytesIO(row.data)
    found = strip(file, row.content_type)
    once = open_stripped(found, file).read()
    assert len(once) == found.size
    assert found.removed == (once != row.data)
    assert found.removed or row.private_metadata == "no"
    assert not strip(io.BytesIO(once), row.content_type).removed
    assert probe(io.BytesIO(once), ImagingLimits()) == probe(file, ImagingLimits())


@corpus.needed
@corpus.each("ready")
def test_no_private_bytes_are_left(row):
    """Nothing of EXIF's own words, of XMP or of comments is anywhere among the stored bytes."""
    found = strip(io.BytesIO(row.data), row.content_type)
    kept = stripped(row.data, row.content_type)
    written, _, _ = found.exif.partition(b"\xff\xd8\xff")  # behind it comes a thumbnail, with tables like the picture's
    telling = re.findall(rb"[ -~]{8,}", written)
    assert [text for text in [*telling, b"http://ns.adobe.com", b"x:xmpmeta", b"Photoshop 3.0"] if text in kept] == []


@pytest.mark.parametrize("kind", TYPES)
def test_a_file_that_says_nothing_stays_as_it_is(kind):
    """A file without anything private is stored byte for byte."""
    data = files.saved(kind)
    found = strip(io.BytesIO(data), TYPES[kind])
    assert not found.removed
    assert stripped(data, TYPES[kind]) == data


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_orientation_stays(kind, orientation):
    """A picture is shown the same way up before and after."""
    data = files.saved(kind, exif=camera(orientation))
    kept = stripped(data, TYPES[kind])
    assert b"SERIAL" not in kept
    assert b"Jane" not in kept
    shown, expected = (ImageOps.exif_transpose(Image.open(io.BytesIO(each))) for each in (kept, data))
    assert shown.size == expected.size
    assert shown.tobytes() == expected.tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_the_finder_gets_the_exif(kind):
    """What is taken out is handed over, for the facts in it."""
    found = strip(io.BytesIO(files.saved(kind, exif=camera(6))), TYPES[kind])
    assert b"SERIAL-0815-4711" in found.exif
    assert found.removed
    assert found.orientation == (1 if kind == "AVIF" else 6)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("order", "<>")
def test_exif_of_an_orientation_alone_is_left(kind, order):
    """EXIF that says nothing private is no reason to change a file."""
    bare = exif._only(6, order)
    data = files.saved(kind, exif=b"Exif\0\0" + bare)
    assert exif.says_only_orientation(bare)
    assert stripped(data, TYPES[kind]) == data


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_bytes_behind_the_end_go(kind):
    """Whatever stands behind a picture is no part of it."""
    data = files.saved(kind)
    assert stripped(data + b"secret", TYPES[kind]) == data


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_missing_end_is_put_back(kind):
    """A file whose last bytes are missing is stored with them."""
    data = files.saved(kind)
    assert stripped(data[: -12 if kind == "PNG" else -1], TYPES[kind]) == data


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_colour_profile_stays(kind):
    """Colours would be wrong without it."""
    profile = b"\0" * 16 + b"RGB " + b"profile" * 20
    kept = stripped(files.saved(kind, icc_profile=profile, exif=camera(1)), TYPES[kind])
    assert Image.open(io.BytesIO(kept)).info["icc_profile"] == profile


@pytest.mark.parametrize("kind", TYPES)
@given(data=st.data())
def test_spoiled_files(kind, data):
    """However a file is spoiled, stripping gives a file or one of our refusals."""
    spoiled = bytearray(files.saved(kind, exif=camera(6)) if kind != "GIF" else files.animation(kind, comment=b"x"))
    for _ in range(data.draw(st.integers(1, 4))):
        spoiled[data.draw(st.integers(0, len(spoiled) - 1))] = data.draw(st.integers(0, 255))
    try:
        stripped(bytes(spoiled), TYPES[kind])
    except InvalidRequest:
        return


def test_a_stripped_file_is_seekable():
    """Storage reads a stripped file as any other: again, from anywhere, to the end."""
    data = files.saved("JPEG", exif=camera(6), comment=b"secret")
    file = io.BytesIO(data)
    found = strip(file, "image/jpeg")
    whole = open_stripped(found, file).read()
    with open_stripped(found, file) as kept:
        assert kept.seek(0, io.SEEK_END) == len(whole) == found.size
        assert kept.read() == b""
        assert kept.seek(-10, io.SEEK_CUR) == len(whole) - 10
        assert kept.read() == whole[-10:]
        kept.seek(5)
        assert kept.read(7) == whole[5:12]
        assert kept.tell() == 12
        assert kept.readable()
        with pytest.raises(ValueError, match="negative"):
            kept.raw.seek(-1)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(PNG_TEXTS, id="PNG texts"),
        pytest.param(AVIF_ITEMS, id="AVIF items that all lie everywhere"),
    ],
)
def test_costly_files(data):
    """A file made to have its bytes looked at again and again is not: each is read a few dozen times at most."""
    file = Counted(data)
    with contextlib.suppress(InvalidRequest):
        strip(file, "image/png" if data.startswith(files.PNG_SIGNATURE) else "image/avif")
    assert file.taken < 50 * len(data)


class Counted(io.BytesIO):
    """Counts the bytes that are read."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data
