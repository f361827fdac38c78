"""AVIF and HEIC without what they say about people.

These files are full of offsets. What is private is overwritten where it lies, so that none of them changes.
"""

from collections.abc import Iterator

import msgspec

from infrastructure.imaging.exif import MAX_SIZE
from infrastructure.imaging.formats.boxes import Box, Meta, boxes, inside, read_meta
from infrastructure.imaging.formats.outline import Extent, Piece, Selection, Stripped
from infrastructure.imaging.source import Source

_PICTURES = frozenset({b"av01", b"hvc1", b"hev1", b"lhv1", b"grid", b"iden", b"iovl", b"tmap"})
_KNOWN = frozenset({b"ftyp", b"meta", b"moov", b"mdat", b"pdin"})
_META_PARTS = frozenset({b"hdlr", b"dinf", b"pitm", b"iloc", b"iinf", b"iref", b"iprp", b"idat", b"grpl", b"ipro"})
"""What describes items; whatever else is in a box of metadata is words: XML, lists of keys, anybody's own."""
_FILM_PARTS = frozenset({b"moov", b"trak", b"mdia"})
_TIMED = frozenset({b"mvhd", b"tkhd", b"mdhd"})
_TELLING = frozenset({b"udes", b"altt", b"crtt", b"mdft", b"uuid"})
"""Properties of items that are words or times: description, alternative text, creation, modification, anything."""
_NOTHING = b"free"
"""A kind of box or item that readers pass over."""
_ZEROS = bytes(65_536)


class Patch(msgspec.Struct, frozen=True):
    """Bytes to stand at an offset of the file."""

    start: int
    data: bytes


def strip(source: Source) -> Stripped:
    """Keeps pictures and what they need.

    EXIF, XMP and other items become items of nothing; texts, times, user data and bytes without a use are blanked.
    """
    top = list(boxes(source, 0, source.size))
    metas: list[Meta] = []
    patches = list(_walk(source, top, metas))
    private = [*_unused(top), *_extents(metas, pictures=False)]
    needed = [*_extents(metas, pictures=True), *_structure(top, metas)]
    patches += _blank_around([_clip(extent, source.size) for extent in private], needed)
    patches += [Patch(meta.items[number].kind_at, _NOTHING) for meta, number in _items(metas, pictures=False)]
    return Stripped(*_apply(source, patches), _exif(source, metas))


def _walk(source: Source, top: list[Box], metas: list[Meta]) -> Iterator[Patch]:
    """Patches of what can be seen from the boxes alone; the item lists found on the way go to `metas`."""
    for box in top:
        if box.kind == b"meta":
            metas.append(read_meta(source, box))
            yield from _blank_words(source, box)
        elif box.kind == b"moov":
            yield from _walk_film(source, box, metas)
        elif box.kind not in _KNOWN:
            yield from _free(box)


def _structure(top: list[Box], metas: list[Meta]) -> Iterator[Extent]:
    """Boxes that say how the file is made; an item that claims to lie in them does not."""
    data = sorted((meta.idat for meta in metas if meta.idat), key=lambda box: box.start)
    for box in top:
        if box.kind in _KNOWN and box.kind != b"mdat":
            at = box.start
            for room in data:
                if box.start < room.start < box.end:
                    yield Extent(at, room.body)
                    at = room.end
            yield Extent(at, box.end)


def _unused(top: list[Box]) -> list[Extent]:
    """Where whatever belongs to no item can't be needed; the frames of a film are no items."""
    if any(box.kind == b"moov" for box in top):
        return []
    return [Extent(box.body, box.end) for box in top if box.kind == b"mdat"]


def _walk_film(source: Source, box: Box, metas: list[Meta]) -> Iterator[Patch]:
    for part in boxes(source, box.body, box.end):
        if part.kind in _FILM_PARTS:
            yield from _walk_film(source, part, metas)
        elif part.kind == b"meta":
            metas.append(read_meta(source, part))
            yield from _blank_words(source, part)
        elif part.kind in _TIMED:
            yield Patch(part.body + 4, bytes(16 if source.number(part.body, 1) else 8))
        elif part.kind in (b"udta", b"uuid"):
            yield from _free(part)


def _blank_words(source: Source, box: Box) -> Iterator[Patch]:
    for part in boxes(source, box.body + 4, box.end):
        if part.kind not in _META_PARTS:
            yield from _free(part)
    parts = inside(source, box, skip=4)
    holders = inside(source, parts[b"iprp"]) if b"iprp" in parts else {}
    if b"ipco" in holders:
        for prop in boxes(source, holders[b"ipco"].body, holders[b"ipco"].end):
            if prop.kind in _TELLING:
                yield from _free(prop)


def _free(box: Box) -> Iterator[Patch]:
    """Makes a box one of unused space."""
    yield Patch(box.start + 4, _NOTHING)
    yield from _blank(Extent(box.body, box.end))


def _clip(extent: Extent, size: int) -> Extent:
    return Extent(min(extent.start, size), max(min(extent.start, size), min(extent.end, size)))


def _blank(extent: Extent) -> Iterator[Patch]:
    for start in range(extent.start, extent.end, len(_ZEROS)):
        yield Patch(start, _ZEROS[: extent.end - start])


def _blank_around(extents: list[Extent], kept: list[Extent]) -> Iterator[Patch]:
    """Blanks what of some extents isn't to be kept. Both may overlap among themselves; one sweep serves them all."""
    edges = [(e.start, 1, 0) for e in extents] + [(e.end, -1, 0) for e in extents]
    edges += [(e.start, 0, 1) for e in kept] + [(e.end, 0, -1) for e in kept]
    at = private = needed = 0
    for offset, of_private, of_needed in sorted(edges):
        if private > 0 and not needed:
            yield from _blank(Extent(at, offset))
        at, private, needed = offset, private + of_private, needed + of_needed


def _extents(metas: list[Meta], *, pictures: bool) -> Iterator[Extent]:
    for meta, number in _items(metas, pictures=pictures):
        yield from meta.extents.get(number, ())


def _items(metas: list[Meta], *, pictures: bool) -> Iterator[tuple[Meta, int]]:
    for meta in metas:
        for number, item in meta.items.items():
            if (item.kind in _PICTURES) == pictures:
                yield meta, number


def _exif(source: Source, metas: list[Meta]) -> bytes:
    """The TIFF structure of the first EXIF item, behind the field that says where in the item it begins."""
    for meta, number in _items(metas, pictures=False):
        for extent in meta.extents.get(number, ()):
            size = extent.end - extent.start
            if meta.items[number].kind == b"Exif" and 4 < size <= MAX_SIZE and extent.end <= source.size:
                data = source.take(extent.start, size)
                return data[4 + int.from_bytes(data[:4], "big") :]
    return b""


def _apply(source: Source, patches: list[Patch]) -> tuple[tuple[Piece, ...], bool]:
    """The file with its patches; those that change nothing are left out, of overlapping ones the first stands."""
    selection, at = Selection(), 0
    for patch in sorted(patches, key=lambda each: each.start):
        start = max(patch.start, at)
        data = patch.data[start - patch.start : max(0, source.size - patch.start)]
        if data and source.take(start, len(data)) != data:
            selection.keep(at, start)
            selection.put(data)
            at = start + len(data)
    selection.keep(at, source.size)
    return tuple(selection.pieces), selection.changed
