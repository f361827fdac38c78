"""PNG and APNG: chunks."""

import zlib
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from contracts.errors import InvalidImage
from infrastructure.imaging import exif
from infrastructure.imaging.config import ImagingLimits
from infrastructure.imaging.formats.outline import Probe, Selection, Stripped
from infrastructure.imaging.source import Source

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Bit depths of each colour type (PNG specification, 11.2.1)."""
_MAX_SIDE = 2**31 - 1
_MAX_FRAMES = 2**31
_STILL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"tRNS", b"iCCP", b"IEND"})
"""What the first picture takes to be decoded."""
_KEPT = _STILL | {
    *(b"acTL", b"fcTL", b"fdAT"),
    *(b"cHRM", b"gAMA", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"sBIT", b"bKGD", b"hIST", b"pHYs"),
}
"""Pixels, animation and how colours are meant; no text, times, or kinds nobody knows."""
_TEXT = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_MAX_PROFILE = 65_536
_MAX_TEXTS = 64
"""Texts in which EXIF is looked for."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_AT_ONCE = 65_536


class Chunk(msgspec.Struct, frozen=True):
    """A chunk: `start` is the offset of its length field, `size` the bytes of its data."""

    kind: bytes
    start: int
    size: int

    @property
    def body(self) -> int:
        """Offset of the first byte of its data."""
        return self.start + 8

    @property
    def end(self) -> int:
        """Offset of the first byte behind its checksum."""
        return self.start + 12 + self.size


def read(source: Source, limits: ImagingLimits) -> Probe:
    """Walks all chunks. A still picture that stands before an animation counts as a frame, as decoders have it."""
    size: tuple[int, int] | None = None
    animated = seen_control = has_data = False
    frames = 1
    for chunk in chunks(source):
        if size is None:
            size = _header(source, chunk)
            limits.admit(*size)
        elif chunk.kind == b"acTL" and chunk.size == 8 and not has_data:
            announced = source.number(chunk.body, 4)
            animated = 0 < announced <= _MAX_FRAMES
            frames = announced if animated else 1
        elif chunk.kind == b"fcTL" and not has_data:
            seen_control = True
        elif chunk.kind == b"IDAT" and not has_data:
            has_data = True
            frames += animated and not seen_control
            limits.admit(*size, frames)
    if size is None or not has_data:
        raise InvalidImage("The PNG has no picture in it.")
    return Probe("image/png", *size, frames)


def strip(source: Source, *, still: bool = False) -> Stripped:
    """Keeps pixels, colour and animation, and the orientation alone of the EXIF; with `still` the first picture only.

    A file whose end is missing or rubbish gets a good one.
    """
    selection = Selection()
    selection.keep(0, len(SIGNATURE))
    tiff, end, kind, attempts = b"", len(SIGNATURE), b"", _MAX_TEXTS
    for chunk in chunks(source):
        end, kind = chunk.end, chunk.kind
        found = b"" if tiff or attempts <= 0 else _exif(source, chunk)
        attempts -= chunk.kind in _TEXT
        tiff = tiff or found
        if chunk.kind in (_STILL if still else _KEPT) or (chunk.kind == b"eXIf" and exif.says_only_orientation(found)):
            selection.keep(chunk.start, chunk.end)
            continue
        selection.drop()
        if found and exif.orientation(found) != exif.UPRIGHT:
            selection.put(encode_chunk(b"eXIf", exif.only_orientation(exif.orientation(found))))
    if kind != b"IEND":
        selection.put(encode_chunk(b"IEND", b""))
    if end < source.size:
        selection.drop()
    return Stripped(tuple(selection.pieces), selection.changed, tiff, exif.orientation(tiff))


def is_nearly_whole(source: Source) -> bool:
    """Whether no more than the last tenth of the pixels is missing. Unpacks the data: no cheaper than decoding."""
    walk = chunks(source)
    header = source.take(next(walk).body, 13)
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    if header[12]:
        return False
    row = 1 + (width * header[8] * _CHANNELS[header[9]] + 7) // 8
    packed = b"".join(source.take(chunk.body, chunk.size) for chunk in walk if chunk.kind == b"IDAT")
    return 10 * _unpacked_size(packed, row * height) >= 9 * row * height


def _unpacked_size(packed: bytes, enough: int) -> int:
    unpacker, size = zlib.decompressobj(), 0
    with suppress(zlib.error):
        for start in range(0, len(packed), _AT_ONCE):
            rest = packed[start : start + _AT_ONCE]
            while rest and size < enough:
                size += len(unpacker.decompress(rest, _AT_ONCE))
                rest = unpacker.unconsumed_tail
    return size


def encode_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk with its length and checksum."""
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def chunks(source: Source) -> Iterator[Chunk]:
    """The whole chunks of a file, in order.

    Behind picture data, whatever is no chunk ends the walk: many files carry rubbish there, and only a
    decoder can tell whether the data was complete. Raises `InvalidImage` for a cut before or in that data.
    """
    offset, has_data = len(SIGNATURE), False
    while offset < source.size:
        source.step()
        header = source.take(offset, 8) if offset + 8 <= source.size else b""
        chunk = Chunk(header[4:], offset, int.from_bytes(header[:4], "big"))
        if not header or chunk.end > source.size or not chunk.kind.isalpha():
            _check_tail(chunk, source, has_data=has_data)
            return
        yield chunk
        if chunk.kind == b"IEND":
            return
        has_data |= chunk.kind == b"IDAT"
        offset = chunk.end


def _check_tail(chunk: Chunk, source: Source, *, has_data: bool) -> None:
    if not has_data or (chunk.kind == b"IDAT" and chunk.body < source.size):
        raise InvalidImage("The PNG is cut short.")


def _header(source: Source, chunk: Chunk) -> tuple[int, int]:
    if chunk.kind != b"IHDR" or chunk.size != 13:
        raise InvalidImage("The PNG does not begin with its header.")
    body = source.take(chunk.body, 13)
    if zlib.crc32(b"IHDR" + body) != source.number(chunk.body + 13, 4):
        raise InvalidImage("The PNG's header is damaged.")
    width, height = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
    depth, colour, compression, filtering, interlace = body[8:13]
    if not 0 < width <= _MAX_SIDE or not 0 < height <= _MAX_SIDE:
        raise InvalidImage("The PNG has no pixels.")
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise InvalidImage("The PNG's header has values that mean nothing.")
    return width, height


def _exif(source: Source, chunk: Chunk) -> bytes:
    """The TIFF structure in a chunk of EXIF, or in one of text as ImageMagick writes it; or nothing."""
    if chunk.size > exif.MAX_SIZE:
        return b""
    if chunk.kind == b"eXIf":
        return source.take(chunk.body, chunk.size)
    if chunk.kind not in _TEXT or chunk.size > _MAX_PROFILE:
        return b""
    name, _, text = source.take(chunk.body, chunk.size).partition(b"\0")
    if name not in (b"Raw profile type exif", b"Raw profile type APP1"):
        return b""
    if chunk.kind == b"zTXt":
        try:
            text = zlib.decompressobj().decompress(text[1:], _MAX_PROFILE)
        except zlib.error:
            return b""
    return _from_hexadecimal(text)


def _from_hexadecimal(text: bytes) -> bytes:
    """The profile is a line with its name, one with its length, then lines of hexadecimal digits."""
    lines = text.strip().split(b"\n", 2)
    try:
        data = bytes.fromhex(lines[-1].decode("ascii"))
    except ValueError:
        return b""
    return data.removeprefix(b"Exif\0\0")
