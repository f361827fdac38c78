"""WebP: RIFF chunks."""

from collections.abc import Iterator

import msgspec

from contracts.errors import InvalidImage
from infrastructure.imaging import exif
from infrastructure.imaging.config import ImagingLimits
from infrastructure.imaging.formats.outline import Extent, Probe, Selection, Stripped
from infrastructure.imaging.source import Source

_XMP_FLAG, _EXIF_FLAG, _ALPHA_FLAG, _ICC_FLAG = 0x04, 0x08, 0x10, 0x20
"""Flags in the first byte of VP8X."""
_FIRST = 12
_FRAME_HEADER = 16
_IN_FRAME = frozenset({b"ALPH", b"VP8 ", b"VP8L"})
_KEPT = _IN_FRAME | {b"VP8X", b"ICCP", b"ANIM", b"ANMF"}


class Chunk(msgspec.Struct, frozen=True):
    """A chunk: `start` is the offset of its name, `size` the bytes of its data without padding."""

    kind: bytes
    start: int
    size: int

    @property
    def body(self) -> int:
        """Offset of the first byte of its data."""
        return self.start + 8

    @property
    def end(self) -> int:
        """Offset of the next chunk."""
        return self.body + self.size + self.size % 2


def read(source: Source, limits: ImagingLimits) -> Probe:
    """Walks all chunks."""
    canvas: tuple[int, int] | None = None
    frames = pictures = 0
    for chunk in chunks(source):
        if chunk.kind in _SIZES and not canvas:
            canvas = _SIZES[chunk.kind](source, chunk)
            limits.admit(*canvas)
        pictures += chunk.kind in (b"VP8 ", b"VP8L")
        frames += chunk.kind == b"ANMF"
        if canvas:
            limits.admit(*canvas, frames)
    if not canvas or not pictures + frames:
        raise InvalidImage("The WebP has no picture in it.")
    return Probe("image/webp", *canvas, max(1, frames))


def strip(source: Source) -> Stripped:
    """Keeps pictures, animation and colour profile, and the orientation alone of the EXIF."""
    found = list(chunks(source))
    tiff = next((_tiff(source, chunk) for chunk in found if chunk.kind == b"EXIF"), b"")
    value = exif.orientation(tiff)
    keeps_exif = exif.says_only_orientation(tiff)
    selection = Selection()
    for chunk in found:
        if chunk.kind == b"VP8X":
            _put_flags(selection, source, chunk, exif_stays=keeps_exif or value != exif.UPRIGHT)
        elif chunk.kind == b"ANMF":
            _select_frame(selection, source, chunk)
        elif chunk.kind in _KEPT or (chunk.kind == b"EXIF" and keeps_exif):
            selection.keep(chunk.start, chunk.end)
        else:
            selection.drop()
    if value != exif.UPRIGHT and not keeps_exif:
        selection.put(encode_chunk(b"EXIF", exif.only_orientation(value)))
    return Stripped(*_with_header(selection, source), tiff, value)


def first_frame(source: Source) -> Stripped | None:
    """The first frame of an animation as a still picture; None for stills, and where it doesn't fill the canvas."""
    found = list(chunks(source))
    header = next((chunk for chunk in found if chunk.kind == b"VP8X" and chunk.size >= 10), None)
    frame = next((chunk for chunk in found if chunk.kind == b"ANMF" and chunk.size > _FRAME_HEADER), None)
    if header is None or frame is None:
        return None
    placed = source.take(frame.body, 12)
    if any(placed[:6]) or placed[6:] != source.take(header.body + 4, 6):
        return None
    selection = Selection()
    flags = source.number(header.body, 1) & (_ICC_FLAG | _ALPHA_FLAG)
    selection.put(encode_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + placed[6:]))
    inside = _chunks(source, frame.body + _FRAME_HEADER, frame.body + frame.size)
    for part in [*(chunk for chunk in found if chunk.kind == b"ICCP"), *inside]:
        selection.keep(part.start, part.end)
    return Stripped(*_with_header(selection, source), orientation=strip(source).orientation)


def chunks(source: Source) -> Iterator[Chunk]:
    """The chunks of a file, in order. Raises `InvalidImage` when the file ends before they do."""
    end = _FIRST - 4 + little(source, 4, 4)
    if end > source.size:
        raise InvalidImage("The WebP is cut short.")
    yield from _chunks(source, _FIRST, end)


def encode_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk with its length and padding."""
    return kind + len(data).to_bytes(4, "little") + data + b"\0" * (len(data) % 2)


def little(source: Source, offset: int, length: int) -> int:
    """The unsigned little-endian number of `length` bytes at `offset`."""
    return int.from_bytes(source.take(offset, length), "little")


def _chunks(source: Source, offset: int, end: int) -> Iterator[Chunk]:
    while offset + 8 <= end:
        source.step()
        chunk = Chunk(source.take(offset, 4), offset, little(source, offset + 4, 4))
        if chunk.body + chunk.size > end:
            raise InvalidImage("The WebP has a chunk that does not fit into it.")
        yield chunk
        offset = chunk.end


def _tiff(source: Source, chunk: Chunk) -> bytes:
    return source.take(chunk.body, min(chunk.size, exif.MAX_SIZE)).removeprefix(b"Exif\0\0")


def _put_flags(selection: Selection, source: Source, chunk: Chunk, *, exif_stays: bool) -> None:
    flags = source.number(chunk.body, 1)
    wanted = flags & ~(_XMP_FLAG | _EXIF_FLAG) | (_EXIF_FLAG if exif_stays else 0)
    if wanted == flags and chunk.size == 10:
        selection.keep(chunk.start, chunk.end)
    else:
        selection.put(encode_chunk(b"VP8X", bytes([wanted]) + source.take(chunk.body + 1, 9)))


def _select_frame(selection: Selection, source: Source, chunk: Chunk) -> None:
    """A frame is a container, too; most have nothing to leave out."""
    inner = list(_chunks(source, chunk.body + _FRAME_HEADER, chunk.body + chunk.size))
    kept = [part for part in inner if part.kind in _IN_FRAME]
    if len(kept) == len(inner):
        selection.keep(chunk.start, min(chunk.end, source.size))
        return
    size = _FRAME_HEADER + sum(part.end - part.start for part in kept)
    selection.put(b"ANMF" + size.to_bytes(4, "little"))
    selection.keep(chunk.body, chunk.body + _FRAME_HEADER)
    for part in kept:
        selection.keep(part.start, part.end)


def _with_header(selection: Selection, source: Source) -> tuple[tuple[Extent | bytes, ...], bool]:
    """The pieces behind the file's first twelve bytes, whose length field must tell the truth."""
    size = 4 + selection.size
    if not selection.changed and _FIRST + selection.size == source.size and little(source, 4, 4) == size:
        return (Extent(0, source.size),), False
    header = b"RIFF" + size.to_bytes(4, "little") + b"WEBP"
    return (header, *selection.pieces), True


def _extended_size(source: Source, chunk: Chunk) -> tuple[int, int]:
    _require(chunk.size >= 10)
    return 1 + little(source, chunk.body + 4, 3), 1 + little(source, chunk.body + 7, 3)


def _lossy_size(source: Source, chunk: Chunk) -> tuple[int, int]:
    _require(chunk.size >= 10 and source.take(chunk.body + 3, 3) == b"\x9d\x01\x2a")
    return little(source, chunk.body + 6, 2) & 0x3FFF, little(source, chunk.body + 8, 2) & 0x3FFF


def _lossless_size(source: Source, chunk: Chunk) -> tuple[int, int]:
    _require(chunk.size >= 5 and source.take(chunk.body, 1) == b"\x2f")
    bits = little(source, chunk.body + 1, 4)
    return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)


def _require(good: bool) -> None:
    if not good:
        raise InvalidImage("The WebP's header is damaged.")


_SIZES = {b"VP8X": _extended_size, b"VP8 ": _lossy_size, b"VP8L": _lossless_size}
