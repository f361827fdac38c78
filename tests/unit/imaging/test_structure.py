"""What of a container must add up, format by format."""

import io
import struct

import pytest

from contracts.errors import ImageTooLarge, InvalidFileFormat, InvalidImage
from infrastructure.imaging.config import ImagingLimits
from infrastructure.imaging.probe import Probe, probe
from tests.unit.imaging import files

JPEG = files.saved("JPEG")
SCAN = JPEG.index(b"\xff\xda")
FRAME = JPEG.index(b"\xff\xc0")


def look(data: bytes, limits: ImagingLimits | None = None) -> Probe:
    return probe(io.BytesIO(data), limits or ImagingLimits())


def spoiled(data: bytes, at: int, value: int) -> bytes:
    """The data with one byte changed."""
    return data[:at] + bytes([value]) + data[at + 1 :]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(JPEG[:2] + JPEG, id="two beginnings"),
        pytest.param(JPEG[:FRAME] + JPEG[SCAN:], id="no frame"),
        pytest.param(JPEG[:SCAN] + b"\xff\xd9", id="no scan"),
        pytest.param(JPEG[:-2], id="no end"),
        pytest.param(JPEG[:FRAME] + JPEG[FRAME:SCAN] * 2 + JPEG[SCAN:], id="two frames"),
        pytest.param(spoiled(JPEG, FRAME + 1, 0xC3), id="lossless"),
        pytest.param(spoiled(JPEG, FRAME + 4, 12), id="twelve bits"),
        pytest.param(spoiled(JPEG, FRAME + 9, 2), id="two components"),
        pytest.param(spoiled(JPEG, FRAME + 11, 0x01), id="sampling of nothing"),
        pytest.param(JPEG[: FRAME + 5] + bytes(2) + JPEG[FRAME + 7 :], id="no height"),
        pytest.param(JPEG[:FRAME] + b"\xff\xfe\0\1" + JPEG[FRAME:], id="a segment shorter than its length"),
        pytest.param(JPEG[:2] + b"\xff\xfe\xff\xff" + JPEG[2:], id="a segment over the end"),
        pytest.param(JPEG[:-2] + JPEG[SCAN : SCAN + 14] * 101 + JPEG[-2:], id="too many scans"),
    ],
)
def test_jpeg_that_does_not_add_up(data):
    """A JPEG has one frame that decoders read, scans, and an end."""
    with pytest.raises(InvalidImage):
        look(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(JPEG[:FRAME] + b"rubbish" + JPEG[FRAME:], id="rubbish between segments"),
        pytest.param(JPEG[:FRAME] + b"\xff\xff\xff" + JPEG[FRAME:], id="fill bytes"),
        pytest.param(JPEG[:FRAME] + b"\xff\x01" + JPEG[FRAME:], id="a marker without a length"),
    ],
)
def test_jpeg_that_decoders_read_all_the_same(data):
    """What every decoder passes over is no reason to refuse a photo."""
    assert look(data) == Probe("image/jpeg", 24, 16)


def test_progressive_jpeg_too_large_to_hold():
    """A picture in several scans is held whole while it is decoded, so fewer of its pixels are taken."""
    photo = files.saved("JPEG", files.picture(16, 16, "CMYK"), progressive=True)
    frame = photo.index(b"\xff\xc2") + 5
    huge = photo[:frame] + struct.pack(">HH", 6250, 8000) + photo[frame + 4 :]
    with pytest.raises(ImageTooLarge, match="progressive"):
        look(huge)


HEADER = files.png_header(4, 4)
DATA = files.png_chunk(b"IDAT", b"data")
END = files.png_chunk(b"IEND")
ANIMATION = files.png_chunk(b"acTL", struct.pack(">II", 7, 0))


def png(*chunks: bytes) -> bytes:
    """A PNG of these chunks."""
    return files.PNG_SIGNATURE + b"".join(chunks)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(png(DATA, HEADER, END), id="data before the header"),
        pytest.param(png(files.png_chunk(b"IHDR", b"short"), DATA, END), id="short header"),
        pytest.param(png(spoiled(HEADER, 9, 1), DATA, END), id="wrong checksum"),
        pytest.param(png(files.png_header(0, 4), DATA, END), id="no width"),
        pytest.param(png(files.png_header(4, 2**31), DATA, END), id="a height no PNG has"),
        pytest.param(png(files.png_header(4, 4, depth=3), DATA, END), id="depth"),
        pytest.param(png(files.png_header(4, 4, colour=5), DATA, END), id="colour type"),
        pytest.param(png(files.png_header(4, 4, interlace=2), DATA, END), id="interlacing"),
        pytest.param(png(HEADER, END), id="no data"),
        pytest.param(png(HEADER, DATA[:9]), id="cut in the data"),
        pytest.param(png(HEADER), id="cut behind the header"),
        pytest.param(png(HEADER, b"\0\0\0\4....data...."), id="rubbish before the data"),
    ],
)
def test_png_that_does_not_add_up(data):
    """A PNG has a good header first and whole data."""
    with pytest.raises(InvalidImage):
        look(data)


@pytest.mark.parametrize(
    "tail", [b"", DATA[:8], b"\0\0", b"\0\0\0\4....data....", b"\xff\xff\xff\xfftEXtmore", END[:6]], ids=repr
)
def test_png_with_a_bad_tail(tail):
    """What follows whole data doesn't matter to a picture."""
    assert look(png(HEADER, DATA, tail)) == Probe("image/png", 4, 4)


@pytest.mark.parametrize(
    ("chunks", "frames"),
    [
        ((ANIMATION, files.png_chunk(b"fcTL"), DATA), 7),
        ((ANIMATION, DATA), 8),
        ((DATA, ANIMATION), 1),
        ((files.png_chunk(b"acTL", struct.pack(">II", 0, 0)), DATA), 1),
        ((files.png_chunk(b"acTL", struct.pack(">II", 2**31 + 1, 0)), DATA), 1),
        ((files.png_chunk(b"acTL", b"odd"), DATA), 1),
    ],
)
def test_png_frames(chunks, frames):
    """An animation announces its frames before the data; a still picture in front of it is one more."""
    assert look(png(HEADER, *chunks, END)).frames == frames


GIF = files.saved("GIF")
IMAGE = GIF.index(b",", 13 + 3 * 256 if GIF[10] & 7 == 7 else 13)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(GIF[:6], id="no screen"),
        pytest.param(GIF[:IMAGE] + b";", id="no frame"),
        pytest.param(GIF[:IMAGE] + b"?" + GIF[IMAGE + 1 :], id="unknown block"),
        pytest.param(GIF[: IMAGE + 5] + bytes(2) + GIF[IMAGE + 7 :], id="frame without width"),
        pytest.param(GIF[:IMAGE] + b"!", id="cut in an extension"),
    ],
)
def test_gif_that_does_not_add_up(data):
    """A GIF has whole blocks, and a frame."""
    with pytest.raises(InvalidImage):
        look(data)


def test_gif_without_a_trailer():
    """Many writers forget the last byte."""
    assert look(GIF[:-1]) == Probe("image/gif", 24, 16)


def test_gif_whose_first_frame_is_larger_than_its_canvas():
    """Decoders widen the canvas, so the limits are for the wider one."""
    wide = GIF[: IMAGE + 1] + struct.pack("<HHHH", 10, 20, 60_000, 9) + GIF[IMAGE + 9 :]
    with pytest.raises(ImageTooLarge):
        look(wide)
    assert look(wide, ImagingLimits(max_side=70_000)).width == 60_010


EXTENDED = files.webp_chunk(b"VP8X", bytes(4) + struct.pack("<I", 99)[:3] + struct.pack("<I", 49)[:3])
LOSSY = files.webp_chunk(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 100, 50))
LOSSLESS = files.webp_chunk(b"VP8L", b"\x2f" + struct.pack("<I", 99 | 49 << 14))


@pytest.mark.parametrize("chunks", [(LOSSY,), (LOSSLESS,), (EXTENDED, LOSSY), (EXTENDED, LOSSLESS)])
def test_webp_sizes(chunks):
    """Each of the three headers of WebP says how large the canvas is."""
    assert look(files.webp(*chunks)) == Probe("image/webp", 100, 50)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(files.webp(), id="nothing"),
        pytest.param(files.webp(EXTENDED), id="no picture"),
        pytest.param(files.webp(files.webp_chunk(b"VP8X", b"short")), id="short header"),
        pytest.param(files.webp(files.webp_chunk(b"VP8 ", bytes(10))), id="no start code"),
        pytest.param(files.webp(files.webp_chunk(b"VP8L", bytes(5))), id="no signature"),
        pytest.param(files.webp(files.webp_chunk(b"VP8L", bytes(2))), id="short picture"),
        pytest.param(files.webp(LOSSY[:4] + b"\xff\xff\xff\x7f" + LOSSY[8:]), id="chunk over the end"),
        pytest.param(files.webp(LOSSY)[:-1], id="cut"),
    ],
)
def test_webp_that_does_not_add_up(data):
    """A WebP is as long as it says and has a picture with a good header."""
    with pytest.raises(InvalidImage):
        look(data)


AVIF = files.saved("AVIF")
FILM = files.animation("AVIF")


@pytest.mark.parametrize(
    ("found", "put"),
    [
        (b"pitm", b"none"),
        (b"iinf", b"none"),
        (b"ispe", b"none"),
        (b"iprp", b"none"),
        (b"meta", b"none"),
        (b"ipma", b"none"),
    ],
)
def test_avif_without_a_part(found, put):
    """Without one of its lists there is no picture in an AVIF."""
    with pytest.raises((InvalidImage, InvalidFileFormat)):
        look(AVIF.replace(found, put))


@pytest.mark.parametrize("part", [b"trak", b"mdia", b"hdlr", b"minf", b"stbl", b"stsd", b"stsz", b"av01", b"pict"])
def test_avif_film_without_a_part(part):
    """A film lacks its frames when any box on the way to them is missing."""
    start = FILM.index(b"moov")
    with pytest.raises(InvalidImage):
        look(FILM[:start] + FILM[start:].replace(part, b"none", 1))


def test_avif_of_another_codec():
    """A picture that is neither AV1 nor HEVC is of no format we take."""
    with pytest.raises(InvalidFileFormat):
        look(AVIF.replace(b"av01", b"vvc1"))


def test_avif_whose_data_lie_outside():
    """An item list that points behind the end of the file is a cut file."""
    at = AVIF.index(b"iloc") + 4 + 8 + 6
    with pytest.raises(InvalidImage):
        look(AVIF[:at] + b"\x7f\xff\xff\xff" + AVIF[at + 4 :])


def test_box_shorter_than_its_own_head():
    """A length that can't be is refused, and the walk ends."""
    with pytest.raises(InvalidImage):
        look(files.box(b"ftyp", b"avif", bytes(4)) + b"\0\0\0\3meta" + bytes(20))


def test_box_with_a_long_length():
    """Lengths of 64 bits and boxes up to the end of the file are read like others."""
    start = AVIF.index(b"mdat") - 4
    body = AVIF[start + 8 :]
    assert look(AVIF[:start] + struct.pack(">I4s", 0, b"mdat") + body) == Probe("image/avif", 24, 16)
    meta = AVIF.index(b"meta") - 4
    length = int.from_bytes(AVIF[meta : meta + 4], "big")
    long = struct.pack(">I4sQ", 1, b"meta", length + 8) + AVIF[meta + 8 :]
    with pytest.raises(InvalidImage):
        look(AVIF[:meta] + long[: length - 20])
