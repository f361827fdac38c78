"""ThumbHash, and pictures drawn from it."""

import base64
import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from infrastructure.imaging.placeholder import placeholder_png
from infrastructure.imaging.thumbhash import Pixels, decode, encode
from tests.unit.imaging import files


def pixels(width: int, height: int, mode: str) -> Pixels:
    return Pixels(width, height, files.picture(width, height, mode).convert("RGBA").tobytes())


@pytest.mark.parametrize(
    ("width", "height", "opaque", "expected"),
    [
        (32, 21, True, "H/gBDYI/UUnzZchPYWl0po9rU0T4"),
        (21, 32, True, "H/gBDQLGaWSl9JdtxjfqecjtcEv3"),
        (30, 30, False, "H/iBBQIHYXU3tWfwiRFUD3iKdqKXiWBslg=="),
        (100, 40, False, "3weCAoAHBJJ2HXn1mqkHmPchQrh4xCc="),
        (3, 50, True, "IPgFCQQJiElkZ5KXRgEl1fY="),
    ],
)
def test_reference(width, height, opaque, expected):
    """The bytes are those of the format's reference encoder, which made them once from the same noise."""
    rgba = bytearray(random.Random(7).randbytes(4 * width * height))
    if opaque:
        rgba[3::4] = b"\xff" * (width * height)
    assert base64.b64encode(encode(Pixels(width, height, bytes(rgba)))).decode() == expected


@pytest.mark.parametrize(
    ("colour", "size"), [((255, 0, 0, 255), (9, 9)), ((10, 120, 30, 255), (20, 8)), ((0, 0, 255, 128), (4, 16))]
)
def test_one_colour(colour, size):
    """A picture of one colour is drawn as that colour."""
    drawn = decode(encode(Pixels(*size, bytes(colour) * (size[0] * size[1]))), 8, 8)
    for start in range(0, len(drawn), 4):
        assert list(drawn[start : start + 4]) == pytest.approx(colour, abs=14)


def test_looks_alike():
    """What is drawn from a hash is the picture, blurred."""
    source = files.picture(32, 32)
    drawn = Image.frombytes("RGBA", (32, 32), decode(encode(pixels(32, 32, "RGB")), 32, 32)).convert("RGB")
    wanted, found = (list(each.resize((3, 3), Image.Resampling.BOX).tobytes()) for each in (source, drawn))
    assert found == pytest.approx(wanted, abs=40)


@given(st.binary(max_size=40))
def test_any_bytes(data):
    """Any bytes are a hash to draw, or a `ValueError`."""
    try:
        assert len(decode(data, 5, 3)) == 60
    except ValueError:
        return


@given(width=st.integers(0, 20_000), height=st.integers(0, 20_000))
def test_placeholder_proportions(width, height):
    """A placeholder is small and has the picture's proportions."""
    with Image.open(io.BytesIO(placeholder_png(None, width, height))) as drawn:
        drawn.load()
        assert max(drawn.size) <= 32
        if 32 * min(width, height) >= max(width, height) > 0:
            assert drawn.width / drawn.height == pytest.approx(width / height, rel=0.5)


def test_placeholder_shows_the_hash():
    """A placeholder shows what the hash describes."""
    red = base64.b64encode(encode(Pixels(4, 4, bytes((255, 0, 0, 255)) * 16))).decode()
    with Image.open(io.BytesIO(placeholder_png(red, 300, 200))) as drawn:
        assert drawn.size == (32, 21)
        assert drawn.getpixel((5, 5)) == pytest.approx((255, 0, 0, 255), abs=10)


@pytest.mark.parametrize("thumbhash", [None, "", "AAAA", "not base64!"])
def test_placeholder_of_nothing(thumbhash):
    """Without a hash, or with one that is none, a placeholder is grey."""
    with Image.open(io.BytesIO(placeholder_png(thumbhash, 10, 10))) as drawn:
        assert drawn.getpixel((0, 0)) == (0xDD, 0xDD, 0xDD, 255)
