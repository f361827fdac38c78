"""What a file is, decided by its bytes."""

import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import EmptyFile, ImageTooLarge, InvalidFileFormat, InvalidImage, InvalidRequest
from infrastructure.imaging.config import ImagingLimits
from infrastructure.imaging.probe import Probe, probe
from tests import corpus
from tests.unit.imaging import files

LIMITS = ImagingLimits()


TEXTS = files.PNG_SIGNATURE + files.png_header(9, 9) + files.png_chunk(b"tEXt") * 700_000


def look(data: bytes, limits: ImagingLimits = LIMITS) -> Probe:
    return probe(io.BytesIO(data), limits)


@corpus.needed
@corpus.each("ready")
def test_good_files_are_what_they_are(row):
    """Type, size and frames of every good file are found without decoding it."""
    with row.path.open("rb") as file:
        found = probe(file, LIMITS)
    expected = (row.content_type, int(row.width), int(row.height), int(row.frames))
    assert (found.content_type, found.width, found.height, found.frames) == expected


@corpus.needed
@corpus.each("refuse")
def test_other_files_are_refused(row):
    """What is no picture, of no format we take, or too large is refused, and says which."""
    with row.path.open("rb") as file, pytest.raises(InvalidRequest) as refusal:
        probe(file, LIMITS)
    if row.content_type != "-":
        assert isinstance(refusal.value, ImageTooLarge)


@pytest.mark.parametrize(
    ("kind", "options", "content_type"),
    [
        ("JPEG", {}, "image/jpeg"),
        ("JPEG", {"progressive": True}, "image/jpeg"),
        ("PNG", {}, "image/png"),
        ("GIF", {}, "image/gif"),
        ("WEBP", {}, "image/webp"),
        ("WEBP", {"lossless": True}, "image/webp"),
        ("AVIF", {}, "image/avif"),
    ],
)
def test_own_files(kind, options, content_type):
    """Each format is known by its bytes."""
    assert look(files.saved(kind, **options)) == Probe(content_type, 24, 16)


@pytest.mark.parametrize(("kind", "content_type"), [("GIF", "image/gif"), ("PNG", "image/png"), ("WEBP", "image/webp")])
def test_frames_are_counted(kind, content_type):
    """An animation says how many frames it has."""
    assert look(files.animation(kind, frames=4)) == Probe(content_type, 24, 16, frames=4)


def test_avif_film():
    """An AVIF sequence has the frames of its first track."""
    assert look(files.animation("AVIF", frames=3)) == Probe("image/avif", 24, 16, frames=3)


def test_pixels():
    """The canvas counts once, whatever the frames."""
    assert Probe("image/gif", 20, 30, frames=5).pixels == 600


def test_empty():
    """A file without a byte has an error of its own."""
    with pytest.raises(EmptyFile):
        look(b"")


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"hello, this is text",
        b"<svg xmlns='...'>",
        b"<html>",
        b"%PDF-1.7",
        b"II*\0" + bytes(60),
        b"BM" + bytes(60),
    ],
)
def test_other_formats(data):
    """Anything else is refused with a sentence that names what is taken."""
    with pytest.raises(InvalidFileFormat) as refusal:
        look(data)
    assert refusal.value.detail.startswith("Invalid file type")


@pytest.mark.parametrize("brand", [b"isom", b"qt  ", b"mp42"])
def test_films_are_no_pictures(brand):
    """The container of AVIF also holds films; those are refused."""
    with pytest.raises(InvalidFileFormat):
        look(files.box(b"ftyp", brand, bytes(4)) + files.box(b"mdat", bytes(100)))


def test_heic_needs_its_decoder(monkeypatch):
    """Without the extra, HEIC is a format like any other that isn't taken."""
    monkeypatch.setattr("infrastructure.imaging.probe._HEIC_IS_READ", False)
    with pytest.raises(InvalidFileFormat, match="and AVIF"):
        look(b"just text, whose refusal lists what is read")
    with pytest.raises(InvalidFileFormat):
        look(files.box(b"ftyp", b"heic", bytes(4), b"mif1") + files.box(b"meta", bytes(4)))


@pytest.mark.parametrize(
    ("limits", "size"),
    [
        (ImagingLimits(max_side=100), (101, 1)),
        (ImagingLimits(max_side=100), (1, 101)),
        (ImagingLimits(max_pixels=100), (101, 1)),
    ],
)
def test_too_many_pixels(limits, size):
    """Each limit refuses what is over it and takes what is at it."""
    with pytest.raises(ImageTooLarge) as refusal:
        look(files.png(*size, b""), limits)
    assert refusal.value.details == {"width": size[0], "height": size[1], "frames": 1}
    look(files.png(min(size[0], 100), min(size[1], 100), b""), limits)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_too_many_frame_pixels(kind):
    """A small canvas with many frames is large, too."""
    data = files.animation(kind, frames=5)
    look(data, ImagingLimits(max_frame_pixels=5 * 24 * 16))
    with pytest.raises(ImageTooLarge, match="over all frames"):
        look(data, ImagingLimits(max_frame_pixels=5 * 24 * 16 - 1))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "AVIF"])
def test_cut_short(kind):
    """A file cut in half is seen to be, without decoding it."""
    data = files.saved(kind, files.picture(200, 150))
    with pytest.raises(InvalidImage):
        look(data[: len(data) // 2])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_bytes_behind_the_end(kind):
    """What stands behind a picture doesn't change what it is."""
    data = files.saved(kind)
    assert look(data + b"<script>alert(1)</script>") == look(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "AVIF"])
@given(data=st.data())
def test_spoiled_files(kind, data):
    """However a file is spoiled, the answer is a probe or one of our refusals, and comes at once."""
    spoiled = bytearray(files.saved(kind) if data.draw(st.booleans()) or kind == "JPEG" else files.animation(kind))
    for _ in range(data.draw(st.integers(1, 4))):
        spoiled[data.draw(st.integers(0, len(spoiled) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(spoiled))))
    try:
        found = look(bytes(spoiled[:cut]))
    except InvalidRequest:
        return
    assert found.width > 0
    assert found.height > 0
    assert found.frames > 0


@given(
    head=st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\xff\0\0\0WEBP"]), rest=st.binary()
)
def test_rubbish_behind_a_good_beginning(head, rest):
    """A right signature opens no door."""
    with pytest.raises(InvalidRequest):
        look(head + rest)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(files.saved("JPEG")[:2] + b"\xff\xfe\0\2" * 2_000_000, id="JPEG comments"),
        pytest.param(TEXTS, id="PNG chunks"),
        pytest.param(files.saved("GIF")[:-1] + b"!\xfe" + b"\1x" * 4_000_000, id="GIF sub-blocks"),
        pytest.param(files.saved("GIF")[:-1] + b"!\xfe\0" * 2_500_000, id="GIF blocks"),
        pytest.param(files.webp(files.webp_chunk(b"junk", b"") * 1_000_000), id="WebP chunks"),
        pytest.param(files.box(b"ftyp", b"avif", bytes(4)) + files.box(b"free") * 1_000_000, id="AVIF boxes"),
    ],
)
def test_files_made_of_millions_of_parts(data):
    """A file of millions of empty parts costs a moment, not minutes."""
    start = time.process_time()
    with pytest.raises(InvalidImage):
        look(data)
    assert time.process_time() - start < 2


def test_speed():
    """A large photo takes less than a millisecond of CPU for each of its megabytes."""
    data = files.saved("JPEG", files.picture(600, 400), quality=95)
    at = data.rindex(b"\xff\xda") + 14
    large = data[:at] + bytes(range(255)).replace(b"\xff", b"") * 60_000 + data[at:]
    best = min(_cpu(lambda: look(large)) for _ in range(5))
    assert best < 0.001 * len(large) / 1e6


def _cpu(work) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
