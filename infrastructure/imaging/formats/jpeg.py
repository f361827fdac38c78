"""JPEG: segments up to the end of the first picture.

MPO and other files with more pictures behind the first are read as their first one.
"""

import re
from collections.abc import Iterator

import msgspec

from contracts.errors import ImageTooLarge, InvalidImage
from infrastructure.imaging import exif
from infrastructure.imaging.config import ImagingLimits
from infrastructure.imaging.formats.outline import Probe, Selection, Stripped
from infrastructure.imaging.source import Source

SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
TEM = 0x01
FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
"""Frame headers that decoders read: Huffman and arithmetic, sequential and progressive."""
OTHER_FRAMES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF})
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
_NEEDED = FRAMES | {0xC4, 0xCC, 0xDB, 0xDC, 0xDD, SOS, EOI}
"""Tables, frames, scans and restart intervals: what decoding takes."""
_EXIF = b"Exif\0\0"
_ICC = b"ICC_PROFILE\0"
_JFIF = b"JFIF\0"
_ADOBE = b"Adobe"
_JFIF_SIZE, _ADOBE_SIZE = 16, 14
"""Length fields of these two where nothing is hidden behind their own fields."""

_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_MAX_SCANS = 100
"""A picture has about ten; each more costs a whole pass over it."""
_MAX_COEFFICIENT_BYTES = 320_000_000
"""Decoders hold all numbers of a picture in several scans at once; 50 megapixels in full colour come to 300 MB."""


class Segment(msgspec.Struct, frozen=True):
    """A marker and what follows it: `start` is the offset of its 0xFF, `end` that of the byte behind it."""

    marker: int
    start: int
    end: int

    @property
    def body(self) -> int:
        """Offset of the first byte behind the length field."""
        return self.start + 4


class Frame(msgspec.Struct, frozen=True):
    """A frame header: size in pixels, and numbers to decode over all components."""

    width: int
    height: int
    coefficients: int


def read(source: Source, limits: ImagingLimits) -> Probe:
    """Walks to the end of the first picture."""
    frame: Frame | None = None
    scans = 0
    for segment in segments(source):
        if segment.marker in OTHER_FRAMES or (segment.marker in FRAMES and frame):
            raise InvalidImage("The JPEG is coded in a way that can't be shown.")
        if segment.marker in FRAMES:
            frame = _frame(source, segment)
            limits.admit(frame.width, frame.height)
        scans += segment.marker == SOS
        if scans > _MAX_SCANS:
            raise InvalidImage("The JPEG is made of too many scans.")
    if not frame or not scans:
        raise InvalidImage("The JPEG has no picture in it.")
    if scans > 1 and 2 * frame.coefficients > _MAX_COEFFICIENT_BYTES:
        raise ImageTooLarge("The picture has too many pixels for a progressive JPEG of its kind.")
    return Probe("image/jpeg", frame.width, frame.height)


def strip(source: Source) -> Stripped:
    """Keeps the first picture with its colour profile, and its orientation alone of the EXIF."""
    selection = Selection()
    selection.keep(0, 2)
    tiff = b""
    end, in_scan = 2, False
    for segment in segments(source):
        if in_scan:
            selection.keep(end, segment.start)
        elif segment.start > end:
            selection.drop()
        body = source.take(segment.body, min(_ADOBE_SIZE, segment.end - segment.body)) if segment.marker != EOI else b""
        if segment.marker == _APP1 and body.startswith(_EXIF) and not tiff:
            tiff = source.take(segment.body + len(_EXIF), segment.end - segment.body - len(_EXIF))
            _keep_orientation(selection, segment, tiff)
        else:
            _select(selection, segment, body)
        end, in_scan = segment.end, segment.marker == SOS
    if end < source.size:
        selection.drop()
    return Stripped(tuple(selection.pieces), selection.changed, tiff, exif.orientation(tiff))


def segments(source: Source) -> Iterator[Segment]:
    """The segments from behind the start of the picture to its end marker, which comes last.

    Bytes between segments that belong to none are passed over, as decoders do.
    Raises `InvalidImage` when the picture has no end.
    """
    offset = 2
    while (start := source.find(_MARKER, offset, 2)) is not None:
        source.step()
        marker = source.take(start, 2)[1]
        if marker == SOI:
            raise InvalidImage("The JPEG begins twice.")
        length = 0 if marker in (EOI, TEM) else _length(source, start)
        yield Segment(marker, start, start + 2 + length)
        if marker == EOI:
            return
        offset = start + 2 + length
    raise InvalidImage("The JPEG is cut short.")


def _length(source: Source, start: int) -> int:
    length = source.number(start + 2, 2)
    if length < 2 or start + 2 + length > source.size:
        raise InvalidImage("The JPEG has a segment that does not fit into it.")
    return length


def _frame(source: Source, segment: Segment) -> Frame:
    precision = source.number(segment.body, 1)
    height = source.number(segment.body + 1, 2)
    width = source.number(segment.body + 3, 2)
    components = source.number(segment.body + 5, 1)
    if precision != 8 or components not in (1, 3, 4) or segment.end - segment.start != 10 + 3 * components:
        raise InvalidImage("The JPEG is coded in a way that can't be shown.")
    if not width or not height:
        raise InvalidImage("The JPEG has no pixels.")
    samplings = [source.number(segment.body + 7 + 3 * index, 1) for index in range(components)]
    areas = [(sampling >> 4) * (sampling & 15) for sampling in samplings]
    finest = max(sampling >> 4 for sampling in samplings) * max(sampling & 15 for sampling in samplings)
    if not all(areas):
        raise InvalidImage("The JPEG is coded in a way that can't be shown.")
    return Frame(width, height, width * height * sum(areas) // finest)


def _select(selection: Selection, segment: Segment, body: bytes) -> None:
    length = segment.end - segment.start - 2
    if segment.marker in _NEEDED or (segment.marker == _APP2 and body.startswith(_ICC)):
        selection.keep(segment.start, segment.end)
    elif segment.marker == _APP0 and body.startswith(_JFIF):
        if length == _JFIF_SIZE:
            selection.keep(segment.start, segment.end)
        else:
            selection.put(b"\xff\xe0\0\x10" + body[:12].ljust(12, b"\0") + b"\0\0")
    elif segment.marker == _APP14 and body.startswith(_ADOBE) and length <= _ADOBE_SIZE:
        selection.keep(segment.start, segment.end)
    elif segment.marker == _APP14 and body.startswith(_ADOBE):
        selection.put(b"\xff\xee\0\x0e" + body[:12])
    else:
        selection.drop()


def _keep_orientation(selection: Selection, segment: Segment, tiff: bytes) -> None:
    value = exif.orientation(tiff)
    if exif.says_only_orientation(tiff):
        selection.keep(segment.start, segment.end)
    elif value == exif.UPRIGHT:
        selection.drop()
    else:
        body = _EXIF + exif.only_orientation(value)
        selection.put(b"\xff\xe1" + (2 + len(body)).to_bytes(2, "big") + body)
