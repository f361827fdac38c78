"""Of a JPEG's segments, the chunks of PNG and WebP and the blocks of a GIF, those stay that say how it looks."""

import io
import struct
import zlib

import pytest
from PIL import Image

from infrastructure.imaging import exif
from tests.unit.imaging import files
from tests.unit.imaging.stripping import camera, decoded, stripped


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
