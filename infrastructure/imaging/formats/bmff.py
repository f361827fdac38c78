"""AVIF and HEIC: pictures in the ISO base media file format."""

import msgspec

from contracts.errors import InvalidFileFormat, InvalidImage
from infrastructure.imaging.config import ImagingLimits
from infrastructure.imaging.formats.boxes import Box, Cursor, Meta, boxes, inside, read_meta
from infrastructure.imaging.formats.outline import Probe
from infrastructure.imaging.source import Source

_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
_TRANSFORMS = frozenset({b"clap", b"irot", b"imir"})
_DERIVED = frozenset({b"grid", b"iden", b"iovl"})
_CODECS = {b"av01": "image/avif", b"hvc1": "image/heic", b"hev1": "image/heic"}
_MAX_BRANDS = 64


class _File(msgspec.Struct, frozen=True):
    brands: frozenset[bytes]
    meta: Meta
    moov: Box | None


def read(source: Source, limits: ImagingLimits, *, heic: bool) -> Probe:
    """Reads the item lists. Raises `InvalidFileFormat` for films and, unless `heic`, for HEIC."""
    file = _open(source, heic=heic)
    content_type = _content_type(file)
    if content_type == "image/heic" and not heic:
        raise InvalidFileFormat
    if content_type == "image/avif" and b"avis" in file.brands and file.moov:
        width, height, frames = _film(source, file.moov)
        still = _still_size(source, file.meta, content_type) if file.meta.primary is not None else (width, height)
        limits.admit(*still, frames)
        return Probe(content_type, *still, frames)
    size = _still_size(source, file.meta, content_type)
    frames = _pictures(file.meta) if content_type == "image/heic" else 1
    limits.admit(*size, frames)
    return Probe(content_type, *size, frames)


def _open(source: Source, *, heic: bool) -> _File:
    found: dict[bytes, Box] = {}
    for box in boxes(source, 0, source.size):
        found.setdefault(box.kind, box)
        if box.kind == b"ftyp":
            brands = _brands(source, box)
            if not brands & (_AVIF_BRANDS | (_HEIC_BRANDS if heic else frozenset())):
                raise InvalidFileFormat
    meta = read_meta(source, found[b"meta"]) if b"meta" in found else Meta()
    return _File(brands, meta, found.get(b"moov"))


def _brands(source: Source, box: Box) -> frozenset[bytes]:
    words = source.take(box.body, min(box.end - box.body, 4 * _MAX_BRANDS))
    return frozenset(words[at : at + 4] for at in range(0, len(words), 4) if at != 4)


def _content_type(file: _File) -> str:
    meta = file.meta
    if meta.primary is None:
        if b"avis" in file.brands and file.moov:
            return "image/avif"
        raise InvalidImage("The file has no picture in it.")
    kind = _kind(meta, meta.primary)
    if kind in _DERIVED:
        inputs = _inputs(meta, meta.primary)
        kind = _kind(meta, inputs[0]) if inputs else b""
    if kind not in _CODECS:
        raise InvalidFileFormat
    return _CODECS[kind]


def _kind(meta: Meta, item: int) -> bytes:
    if item not in meta.items:
        raise InvalidImage("The file has no picture in it.")
    return meta.items[item].kind


def _inputs(meta: Meta, item: int) -> tuple[int, ...]:
    return next((r.targets for r in meta.references if r.kind == b"dimg" and r.source == item), ())


def _still_size(source: Source, meta: Meta, content_type: str) -> tuple[int, int]:
    """Size of the primary picture, its bytes proved to be there."""
    item = meta.primary or 0
    for part in (item, *_inputs(meta, item)):
        if any(extent.end > source.size for extent in meta.extents.get(part, ())):
            raise InvalidImage("The file is cut short.")
    size: tuple[int, int] | None = None
    for prop in meta.properties.get(item, ()):
        if prop.box.kind in _TRANSFORMS and not prop.essential:
            raise InvalidImage("The file turns or crops its picture in a way that readers may ignore.")
        if prop.box.kind == b"ispe":
            size = source.number(prop.box.body + 4, 4), source.number(prop.box.body + 8, 4)
        if prop.box.kind == b"clap" and content_type == "image/heic":
            size = _cropped(source, prop.box)
    if not size or not all(size):
        raise InvalidImage("The file has no picture in it.")
    return size


def _cropped(source: Source, clap: Box) -> tuple[int, int]:
    """HEIC readers apply the clean aperture, AVIF readers don't."""
    cursor = Cursor(source, clap)
    width, width_divisor, height, height_divisor = (cursor.number(4) for _ in range(4))
    if not width_divisor or not height_divisor:
        raise InvalidImage("The file crops its picture to nothing.")
    return width // width_divisor, height // height_divisor


def _pictures(meta: Meta) -> int:
    """Pictures in their own right: neither hidden, nor thumbnails, nor masks, nor metadata."""
    lesser = {r.source for r in meta.references if r.kind in (b"thmb", b"auxl")}
    kinds = _DERIVED | set(_CODECS)
    shown = [n for n, item in meta.items.items() if item.kind in kinds and not item.hidden and n not in lesser]
    return max(1, len(shown))


def _film(source: Source, moov: Box) -> tuple[int, int, int]:
    """Width, height and number of frames of the first track of pictures."""
    for track in boxes(source, moov.body, moov.end):
        if track.kind != b"trak":
            continue
        media = inside(source, _require(inside(source, track), b"mdia"))
        if source.take(_require(media, b"hdlr").body + 8, 4) != b"pict":
            continue
        table = inside(source, _require(inside(source, _require(media, b"minf")), b"stbl"))
        frames = source.number(_require(table, b"stsz").body + 8, 4)
        entry = _require(inside(source, _require(table, b"stsd"), skip=8), b"av01")
        width, height = source.number(entry.body + 24, 2), source.number(entry.body + 26, 2)
        if frames and width and height:
            return width, height, frames
    raise InvalidImage("The file has no picture in it.")


def _require(parts: dict[bytes, Box], kind: bytes) -> Box:
    if kind not in parts:
        raise InvalidImage("The file lacks a part that its picture needs.")
    return parts[kind]
