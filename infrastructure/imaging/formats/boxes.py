"""ISO base media file format: boxes, and the items that a `meta` box lists (ISO/IEC 14496-12, 23008-12)."""

from collections.abc import Iterator

import msgspec

from contracts.errors import InvalidImage
from infrastructure.imaging.formats.outline import Extent
from infrastructure.imaging.source import Source

_MAX_EXTENTS = 256


class Box(msgspec.Struct, frozen=True):
    """A box; its content lies from `body` to `end`."""

    kind: bytes
    start: int
    body: int
    end: int


class Item(msgspec.Struct, frozen=True):
    """An entry of `iinf`: a coded picture, a grid of pictures, or metadata. `kind` stands at `kind_at` in the file."""

    kind: bytes
    kind_at: int
    hidden: bool


class Reference(msgspec.Struct, frozen=True):
    """An entry of `iref`: `source` is a thumbnail of, derived from, auxiliary to or about `targets`."""

    kind: bytes
    source: int
    targets: tuple[int, ...]


class Association(msgspec.Struct, frozen=True):
    """A property of an item; `essential` ones must be understood by a reader."""

    box: Box
    essential: bool


class Meta(msgspec.Struct):
    """What a `meta` box says of its items, by their numbers."""

    primary: int | None = None
    items: dict[int, Item] = {}
    properties: dict[int, list[Association]] = {}
    extents: dict[int, tuple[Extent, ...]] = {}
    references: list[Reference] = []
    idat: Box | None = None


class Cursor:
    """Reads big-endian numbers one behind the other."""

    def __init__(self, source: Source, box: Box) -> None:
        self._source = source
        self._end = box.end
        self.offset = box.body

    def number(self, length: int) -> int:
        """The next unsigned number, of `length` bytes; one of no bytes is 0."""
        return int.from_bytes(self.take(length), "big")

    def take(self, length: int) -> bytes:
        """The next `length` bytes. Raises `InvalidImage` behind the end of the box."""
        if self.offset + length > self._end:
            raise InvalidImage("The file has a box that does not fit into it.")
        data = self._source.take(self.offset, length)
        self.offset += length
        return data


def boxes(source: Source, start: int, end: int) -> Iterator[Box]:
    """The boxes between two offsets. One that reaches over `end` is cut there: readers need no whole `mdat`."""
    while start + 8 <= end:
        source.step()
        length, kind, body = source.number(start, 4), source.take(start + 4, 4), start + 8
        if length == 1:
            length, body = source.number(start + 8, 8), start + 16
        stop = end if length == 0 else start + length
        if stop < body:
            raise InvalidImage("The file has a box that does not fit into it.")
        yield Box(kind, start, body, min(stop, end))
        start = stop


def inside(source: Source, box: Box, skip: int = 0) -> dict[bytes, Box]:
    """The first box of each kind in `box`, whose own fields take `skip` bytes."""
    found: dict[bytes, Box] = {}
    for child in boxes(source, box.body + skip, box.end):
        found.setdefault(child.kind, child)
    return found


def read_meta(source: Source, box: Box) -> Meta:
    """Reads a `meta` box. Raises `InvalidImage` when its parts don't add up."""
    parts = inside(source, box, skip=4)
    meta = Meta(idat=parts.get(b"idat"))
    if b"pitm" in parts:
        cursor = Cursor(source, parts[b"pitm"])
        version = cursor.number(4) >> 24
        meta.primary = cursor.number(4 if version else 2)
    if b"iinf" in parts:
        meta.items = _items(source, parts[b"iinf"])
    if b"iprp" in parts:
        meta.properties = _properties(source, parts[b"iprp"])
    if b"iloc" in parts:
        meta.extents = _extents(source, parts[b"iloc"], meta.idat)
    if b"iref" in parts:
        meta.references = list(_references(source, parts[b"iref"]))
    return meta


def _items(source: Source, box: Box) -> dict[int, Item]:
    version = source.number(box.body, 1)
    items = {}
    for entry in boxes(source, box.body + (8 if version else 6), box.end):
        cursor = Cursor(source, entry)
        flags = cursor.number(4)
        if entry.kind == b"infe" and flags >> 24 in (2, 3):
            number = cursor.number(4 if flags >> 24 == 3 else 2)
            cursor.number(2)
            items[number] = Item(kind_at=cursor.offset, kind=cursor.take(4), hidden=bool(flags & 1))
    return items


def _properties(source: Source, box: Box) -> dict[int, list[Association]]:
    parts = inside(source, box)
    if b"ipco" not in parts or b"ipma" not in parts:
        return {}
    known = list(boxes(source, parts[b"ipco"].body, parts[b"ipco"].end))
    cursor = Cursor(source, parts[b"ipma"])
    flags = cursor.number(4)
    width = 2 if flags & 1 else 1
    found: dict[int, list[Association]] = {}
    for _ in range(cursor.number(4)):
        item = found.setdefault(cursor.number(2 if flags >> 24 < 1 else 4), [])
        for _ in range(cursor.number(1)):
            source.step()
            value = cursor.number(width)
            essential, index = value >> (8 * width - 1), value & (1 << 8 * width - 1) - 1
            if 0 < index <= len(known):
                item.append(Association(known[index - 1], essential=bool(essential)))
    return found


def _extents(source: Source, box: Box, idat: Box | None) -> dict[int, tuple[Extent, ...]]:
    cursor = Cursor(source, box)
    version = cursor.number(4) >> 24
    sizes, more = cursor.number(1), cursor.number(1)
    widths = (more & 15 if version else 0, sizes >> 4, sizes & 15)
    found = {}
    for _ in range(cursor.number(4 if version > 1 else 2)):
        source.step()
        item = cursor.number(4 if version > 1 else 2)
        in_idat = version > 0 and cursor.number(2) & 15 == 1
        cursor.number(2)
        if in_idat and not idat:
            raise InvalidImage("The file lacks a part that its picture needs.")
        base = cursor.number(more >> 4) + (idat.body if in_idat and idat else 0)
        count = cursor.number(2)
        if count > _MAX_EXTENTS:
            raise InvalidImage("The file is made of too many parts.")
        found[item] = tuple(_extent(cursor, base, widths, source) for _ in range(count))
    return found


def _extent(cursor: Cursor, base: int, widths: tuple[int, int, int], source: Source) -> Extent:
    source.step()
    _, offset, length = (cursor.number(width) for width in widths)
    start = base + offset
    return Extent(start, start + length if length else source.size)


def _references(source: Source, box: Box) -> Iterator[Reference]:
    width = 4 if source.number(box.body, 1) else 2
    for entry in boxes(source, box.body + 4, box.end):
        cursor = Cursor(source, entry)
        origin = cursor.number(width)
        targets = []
        for _ in range(cursor.number(2)):
            source.step()
            targets.append(cursor.number(width))
        yield Reference(entry.kind, origin, tuple(targets))
