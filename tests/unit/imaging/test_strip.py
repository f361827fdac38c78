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

TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp", "AVIF": "image/avif"}
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


def stripped(data: bytes, content_type: str) -> bytes:
    file = io.BytesIO(data)
    return open_stripped(strip(file, content_type), file).read()


def decoded(data: bytes) -> object:
    """Everything a viewer shows: pixels of all frames, their timing, repetition, colour profile."""
    with Image.open(io.BytesIO(data)) as picture:
        frames = []
        for index in range(1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)):
            picture.seek(index)
            frames.append((picture.size, picture.info.get("duration"), picture.convert("RGBA").tobytes()))
        return frames, picture.info.get("icc_profile"), picture.info.get("loop")


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


def camera(orientation: int) -> bytes:
    """EXIF with a serial number, an owner and an orientation."""
    data = Image.Exif()
    data[exif.ORIENTATION] = orientation
    data[0xA431] = "SERIAL-0815-4711"
    data[0x013B] = "Jane Roe"
    return data.tobytes()


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


@pytest.mark.parametrize(
    ("marker", "body"),
    [
        (0xE0, b"JFXX\0\x10thumbnail secret"),
        (0xE0, b"JFIF\0\1\1\0\0\1\0\1\2\1secret"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0secret"),
        (0xE2, b"MPF\0secret"),
        (0xE5, b"secret"),
        (0xED, b"Photoshop 3.0\0secret"),
        (0xEE, b"Adobe\0\x64\0\0\0\0\1secret"),
        (0xEE, b"secret"),
        (0xFE, b"secret"),
        (0xF7, b"secret"),
    ],
)
def test_jpeg_segments(marker, body):
    """Of a JPEG's segments only those stay that decoding takes, and of those only what they must have."""
    data = files.saved("JPEG")
    told = data[:20] + files.jpeg_segment(marker, body) + data[20:]
    kept = stripped(told, "image/jpeg")
    assert b"secret" not in kept
    assert decoded(kept) == decoded(data)


def test_jpeg_between_scans():
    """Between the scans of a progressive picture a comment finds no place to hide."""
    data = files.saved("JPEG", progressive=True)
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    told = data[:second] + files.jpeg_segment(0xFE, b"secret") + b"rubbish" + data[second:]
    assert stripped(told, "image/jpeg") == data


def test_multi_picture_jpeg():
    """Of a file with several pictures the first is kept."""
    first, second = files.saved("JPEG"), files.saved("JPEG", exif=camera(1))
    assert stripped(first + second, "image/jpeg") == first


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt", b"tIME", b"prVt", b"sPLT", b"caBX"])
def test_png_chunks(kind):
    """Of a PNG's chunks those stay that say how it looks."""
    data = files.saved("PNG")
    assert stripped(data[:33] + files.png_chunk(kind, b"secret") + data[33:], "image/png") == data


@pytest.mark.parametrize("kind", [b"gAMA", b"pHYs", b"sRGB", b"cICP"])
def test_png_chunks_that_stay(kind):
    """Colour and proportions are how it looks."""
    data = files.saved("PNG")
    told = data[:33] + files.png_chunk(kind, b"\0\0\0\1") + data[33:]
    assert stripped(told, "image/png") == told


@pytest.mark.parametrize("name", [b"Raw profile type exif", b"Raw profile type APP1"])
@pytest.mark.parametrize("packed", [False, True])
def test_exif_written_as_text(name, packed):
    """ImageMagick writes EXIF as hexadecimal text; its orientation stays, as EXIF."""
    lines = b"\nexif\n      99\n" + (b"Exif\0\0" + camera(8).removeprefix(b"Exif\0\0")).hex().encode() + b"\n"
    body = name + b"\0" + (b"\0" + zlib.compress(lines) if packed else lines)
    data = files.saved("PNG")
    told = data[:33] + files.png_chunk(b"zTXt" if packed else b"tEXt", body) + data[33:]
    kept = stripped(told, "image/png")
    assert Image.open(io.BytesIO(kept)).getexif() == {exif.ORIENTATION: 8}


@pytest.mark.parametrize("body", [b"\0\0not packed", b"\nexif\n 3\nnot hexadecimal", b""])
@pytest.mark.parametrize("kind", [b"zTXt", b"tEXt"])
def test_text_that_is_no_exif(body, kind):
    """Text that only claims to be EXIF says nothing."""
    data = files.saved("PNG")
    told = data[:33] + files.png_chunk(kind, b"Raw profile type exif\0" + body) + data[33:]
    assert stripped(told, "image/png") == data


@pytest.mark.parametrize(
    "block",
    [
        b"!\xfe\6secret\0",
        b"!\x01\x0c" + bytes(12) + b"\6secret\0",
        b"!\xff\x0bXMP DataXMP\6secret\0",
        b"!\xff\x0bSomebodys01\6secret\0",
    ],
)
def test_gif_extensions(block):
    """Comments, texts and what applications leave behind go."""
    data = files.animation("GIF")
    at = data.index(b"!")
    assert stripped(data[:at] + block + data[at:], "image/gif") == data


def test_gif_repetition_stays():
    """How often an animation is played is part of it."""
    kept = stripped(files.animation("GIF", loop=3, comment=b"secret"), "image/gif")
    assert b"secret" not in kept
    assert Image.open(io.BytesIO(kept)).info["loop"] == 3


def test_webp_chunks():
    """Unknown chunks go, also from inside frames, and the lengths around them stay true."""
    data = files.animation("WEBP")
    at = data.index(b"ANMF")
    size = struct.unpack("<I", data[at + 4 : at + 8])[0]
    hidden = files.webp_chunk(b"hide", b"secret")
    frame = b"ANMF" + struct.pack("<I", size + len(hidden)) + data[at + 8 : at + 8 + size] + hidden
    body = data[8:at] + frame + data[at + 8 + size + size % 2 :] + files.webp_chunk(b"odd ", b"secret")
    told = b"RIFF" + struct.pack("<I", len(body)) + body
    assert stripped(told, "image/webp") == data


def test_webp_flags():
    """The header no longer announces metadata that is gone."""
    data = files.saved("WEBP", exif=camera(1), xmp=b"secret")
    assert data[20] & 0x0C
    assert not stripped(data, "image/webp")[20] & 0x0C


def avif(*properties: bytes, behind: bytes = b"") -> bytes:
    """An AVIF with further boxes."""
    return files.saved("AVIF") + b"".join(properties) + behind


@pytest.mark.parametrize("kind", [b"uuid", b"free", b"skip", b"jumb"])
def test_avif_boxes(kind):
    """Boxes that no picture needs are blanked where they lie."""
    data = avif(files.box(kind, b"secret"))
    kept = stripped(data, "image/avif")
    assert len(kept) == len(data)
    assert b"secret" not in kept
    assert decoded(kept) == decoded(data)


def test_avif_unused_bytes():
    """Bytes beside the pictures' own are blanked."""
    data = files.saved("AVIF")
    at = data.index(b"mdat")
    size = len(data) - at + 4
    told = data[: at - 4] + struct.pack(">I", size + 6) + data[at:] + b"secret"
    assert b"secret" not in stripped(told, "image/avif")


def test_avif_film_times():
    """When a film was written is nobody's business."""
    data = files.animation("AVIF", exif=camera(1), xmp=b"secret")
    kept = stripped(data, "image/avif")
    at = kept.index(b"mvhd")
    assert not any(kept[at + 8 : at + 24])
    assert b"secret" not in kept
    assert b"SERIAL" not in kept
    assert decoded(kept) == decoded(data)


@pytest.mark.parametrize("kind", [b"udta", b"uuid"])
def test_avif_film_user_data(kind):
    """A film's user data go, too."""
    data = files.animation("AVIF")
    at = data.index(b"mvhd")
    told = data[:at] + kind + data[at + 4 :]
    assert kind not in stripped(told, "image/avif")


def test_avif_descriptions():
    """An item's description and times are properties; they go."""
    data = files.saved("AVIF")
    told = data.replace(b"pixi", b"udes")
    assert b"udes" not in stripped(told, "image/avif")


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


def test_avif_item_that_claims_to_be_the_file():
    """An item that says it lies where the file's structure is can't have that blanked."""
    data = files.saved("AVIF", exif=camera(1))
    at = data.index(b"iloc") + 12 + 14 + 6
    told = data[:at] + struct.pack(">II", 0, len(data)) + data[at + 8 :]
    assert decoded(stripped(told, "image/avif")) == decoded(data)


@pytest.mark.parametrize("kind", [b"xml ", b"bxml", b"uuid", b"ilst", b"keys", b"free"])
def test_avif_words_beside_the_items(kind):
    """Whatever stands in the box of metadata and describes no item is blanked."""
    data, words = files.saved("AVIF"), b"somebody's own words"
    box = struct.pack(">I4s", 8 + len(words), kind) + words
    at, picture = data.index(b"meta") - 4, data.index(b"mdat") + 4
    end = at + int.from_bytes(data[at : at + 4], "big")
    moved = data[at + 4 : end].replace(struct.pack(">I", picture), struct.pack(">I", picture + len(box)))
    told = data[:at] + struct.pack(">I", end - at + len(box)) + moved + box + data[end:]
    clean = stripped(told, "image/avif")
    assert words not in clean
    assert decoded(clean) == decoded(told) == decoded(data)


def test_avif_items_in_a_box_that_is_missing():
    """An item in a data box that isn't there is an error."""
    known = {row.file: row for row in corpus.rows("ready")}
    if not known:
        pytest.skip("needs the corpus")
    data = known["avif/draw_points_idat.avif"].data
    with pytest.raises(InvalidRequest):
        stripped(data.replace(b"idat", b"none"), "image/avif")


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
