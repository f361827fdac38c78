"""Facts from EXIF, and nothing but facts from rubbish."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational as Ratio

from infrastructure.imaging.exif import Facts, only_orientation, orientation, read_facts, says_only_orientation
from infrastructure.imaging.metadata import strip
from tests import corpus

DETAILS, PLACE = 0x8769, 0x8825
TAKEN = {0x9003: "2024:05:06 07:08:09"}


def written(main=None, details=None, place=None, order="<") -> bytes:
    """EXIF as a camera writes it."""
    data = Image.Exif()
    data.endian = order
    data.update(main or {})
    if details:
        data._ifds[DETAILS] = details
        data[DETAILS] = details
    if place:
        data._ifds[PLACE] = place
        data[PLACE] = place
    return data.tobytes().removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("order", "<>")
def test_camera(order):
    """Make, model, lens, time and exposure are for everyone who may see the picture."""
    data = written(
        {0x010F: "Acme", 0x0110: "One"},
        {0xA434: "50mm", 0x829A: Ratio(1, 250), 0x829D: Ratio(28, 10), 0x8827: 200, 0x920A: Ratio(50), **TAKEN},
        order=order,
    )
    assert read_facts(data) == Facts(
        {
            "make": "Acme",
            "model": "One",
            "lens": "50mm",
            "exposure_seconds": 0.004,
            "f_number": 2.8,
            "iso": 200,
            "focal_length_mm": 50,
            "taken_at": "2024-05-06T07:08:09",
        },
        {},
    )


def test_time_zone():
    """A camera that knows its distance from UTC says so."""
    data = written(details={**TAKEN, 0x9011: "+05:30"})
    assert read_facts(data).camera == {"taken_at": "2024-05-06T07:08:09+05:30"}


def test_a_time_that_is_none():
    """Cameras without a clock write rubbish for a time."""
    assert read_facts(written(details={0x9003: "    :  :     :  :  "})).camera == {}


@pytest.mark.parametrize(
    ("sides", "expected"), [(("N", "E"), (48.8582222, 2.2945)), (("S", "W"), (-48.8582222, -2.2945))]
)
def test_place(sides, expected):
    """Where the camera was, in degrees, south and west below zero."""
    place = {1: sides[0], 2: (48.0, 51.0, 29.6), 3: sides[1], 4: (2.0, 17.0, 40.2), 5: b"\1", 6: 12.5}
    found = read_facts(written(place=place)).place
    assert (found["latitude"], found["longitude"]) == pytest.approx(expected)
    assert found["altitude_m"] == -12.5


@pytest.mark.parametrize(
    "place",
    [
        {1: "N", 2: (99.0, 0.0, 0.0), 3: "E", 4: (2.0, 0.0, 0.0)},
        {2: (9.0, 0.0, 0.0), 4: (2.0, 0.0, 0.0)},
        {1: "N", 2: (9.0, 0.0), 3: "E", 4: (2.0, 0.0, 0.0)},
        {1: "N", 2: (9.0, 0.0, 0.0)},
    ],
)
def test_a_place_that_is_none(place):
    """Half a place, or one that isn't on Earth, is left out."""
    assert read_facts(written(place=place)).place == {}


@pytest.mark.parametrize("value", range(1, 9))
def test_orientation_alone(value):
    """What we write is read again, here and by others."""
    data = only_orientation(value)
    assert orientation(data) == value
    assert says_only_orientation(data)
    others = Image.Exif()
    others.load(data)
    assert others == {0x0112: value}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"MM\0*",
        b"not TIFF at all",
        b"II*\0\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0\xff\xff",
        written({0x0112: 9}),
        written({0x010F: "Acme"}),
    ],
)
def test_no_orientation(data):
    """Where the data don't say, the picture is upright."""
    assert orientation(data) == 1
    assert not says_only_orientation(data)


@given(st.binary(max_size=200))
def test_rubbish(rest):
    """Rubbish has facts, too, or none; it never raises."""
    for head in (b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"):
        assert 1 <= orientation(head + rest) <= 8
        read_facts(head + rest)


@corpus.needed
@pytest.mark.parametrize("name", ["gps.avif", "gps.png", "gps.webp", "gps_orientation6.jpg"])
def test_every_container(name):
    """The same facts come from every format that carries them."""
    row = next(row for row in corpus.rows("ready") if row.file == f"crafted/{name}")
    with row.path.open("rb") as file:
        facts = read_facts(strip(file, row.content_type).exif)
    assert facts.camera == {"make": "Acme", "model": "Camera One"}
    assert facts.place == {"latitude": 48.8582222, "longitude": 2.2945}
