"""From large to small in every mode."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from infrastructure.imaging import scale
from infrastructure.imaging.scale import Scaled, fit, near, near_by_bands, plain, shrink
from tests.unit.imaging import files


@given(width=st.integers(1, 20_000), height=st.integers(1, 20_000), box=st.integers(1, 1000))
def test_fit(width, height, box):
    """A fitted size lies in the box, keeps its proportions, and is never enlarged."""
    found = fit((width, height), box)
    assert 1 <= found[0] <= min(box, width)
    assert 1 <= found[1] <= min(box, height)
    if max(width, height) <= box:
        assert found == (width, height)
    else:
        assert max(found) == box


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("1", "L"),
        ("L", "L"),
        ("LA", "RGBA"),
        ("P", "RGB"),
        ("PA", "RGBA"),
        ("RGB", "RGB"),
        ("RGBA", "RGBA"),
        ("CMYK", "CMYK"),
        ("YCbCr", "RGB"),
        ("I;16", "L"),
        ("I", "L"),
        ("F", "L"),
    ],
)
def test_plain_modes(mode, expected):
    """Every mode that decoders give becomes one of four."""
    assert plain(Image.new(mode, (3, 2))).mode == expected


@pytest.mark.parametrize(("mode", "clear"), [("P", 0), ("L", 0), ("RGB", (0, 0, 0)), ("I;16", 0)])
def test_one_colour_is_clear(mode, clear):
    """The one colour that means transparency becomes transparent."""
    picture = Image.new(mode, (3, 2))
    picture.info["transparency"] = clear
    made = plain(picture)
    assert made.mode == "RGBA"
    assert made.getpixel((0, 0))[3] == 0


def test_sixteen_bits_are_scaled_not_cut():
    """The upper bits of a grey are kept; only the very grey that means transparency is clear."""
    picture = Image.new("I;16", (2, 1), 0x8001)
    assert plain(picture).getpixel((0, 0)) == 0x80
    picture.info["transparency"] = 0x8000
    assert plain(picture).getpixel((0, 0)) == (0x80, 0x80, 0x80, 255)
    picture.info["transparency"] = 0x8001
    assert plain(picture).getpixel((0, 0)) == (0x80, 0x80, 0x80, 0)


@pytest.mark.parametrize("band_pixels", [1, 500, 10**9])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK", "P", "I;16"])
def test_bands_do_not_show(mode, band_pixels, monkeypatch):
    """Averaging a band at a time gives what averaging at once gives."""
    monkeypatch.setattr(scale, "_BAND_PIXELS", band_pixels)
    source = files.picture(403, 211)
    picture = source.convert("L").convert("I;16") if mode == "I;16" else source.convert(mode)
    made = near(picture, picture.size, 40)
    assert made.area == (403 / 5, 211 / 5)
    assert made.picture.tobytes() == plain(picture).reduce(5).tobytes()


def test_small_pictures_are_not_averaged():
    """What is near enough is left to the sharper filter."""
    picture = files.picture(100, 60)
    assert near(picture, picture.size, 50).picture is picture


def test_shrink():
    """A picture that has the size already is left alone, another gets it."""
    picture = files.picture(100, 60)
    assert shrink(Scaled(picture, (100, 60)), (100, 60)) is picture
    assert shrink(Scaled(picture, (99.5, 60)), (50, 30)).size == (50, 30)


def test_a_picture_without_rows():
    """A decoder's word for nothing is an error like others."""
    with pytest.raises(ValueError, match="without rows"):
        near_by_bands((100, 0), (100, 0), 10, lambda top, end: Image.new("L", (100, end - top)))
