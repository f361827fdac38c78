"""GIF: blocks and their sub-blocks."""

from collections.abc import Iterator
from itertools import pairwise

import msgspec

from contracts.errors import InvalidImage
from infrastructure.imaging.config import ImagingLimits
from infrastructure.imaging.formats.outline import Probe, Selection, Stripped
from infrastructure.imaging.source import Source

TRAILER, EXTENSION, IMAGE = 0x3B, 0x21, 0x2C
_CONTROL, _APPLICATION = 0xF9, 0xFF
_APPLICATIONS = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"})
"""How often to repeat, and the colour profile; everything else that applications write is theirs."""

_HEADER = 13
_FREE_SUB_BLOCKS = 65_536
_MIN_MEAN_SUB_BLOCK = 32
"""Encoders fill sub-blocks to 255 bytes; a large file of nearly empty ones is made to cost time."""


class Block(msgspec.Struct, frozen=True):
    """One block. `label` is an extension's kind, 0 for others; its sub-blocks begin at `data`."""

    introducer: int
    label: int
    start: int
    data: int


def read(source: Source, limits: ImagingLimits) -> Probe:
    """Walks all blocks. The first frame may reach over the canvas and widens it: decoders have it so."""
    width, height = little(source, 6), little(source, 8)
    limits.admit(width, height)
    frames = 0
    for block in blocks(source):
        if block.introducer != IMAGE:
            continue
        if not frames:
            width, height = _widen(source, block, width, height)
        frames += 1
        limits.admit(width, height, frames)
    if not frames:
        raise InvalidImage("The GIF has no picture in it.")
    return Probe("image/gif", width, height, frames)


def strip(source: Source) -> Stripped:
    """Keeps frames, their timing, repetition and colour profile; comments, texts and other extensions go."""
    selection = Selection()
    selection.keep(0, global_palette_end(source))
    end = 0
    for block, following in pairwise(blocks(source)):
        end = following.start
        if block.introducer == IMAGE or block.label == _CONTROL or _is_kept_application(source, block):
            selection.keep(block.start, end)
        else:
            selection.drop()
    if end < source.size and source.number(end, 1) == TRAILER:
        selection.keep(end, end + 1)
    else:
        selection.put(bytes([TRAILER]))
    if end + 1 < source.size:
        selection.drop()
    return Stripped(tuple(selection.pieces), selection.changed)


def blocks(source: Source) -> Iterator[Block]:
    """The blocks of a file, the trailer last, also where the file has none.

    Each block ends where the next one starts. Raises `InvalidImage` when one is cut or unknown.
    """
    offset = global_palette_end(source)
    while offset < source.size:
        source.step()
        introducer = source.number(offset, 1)
        if introducer == TRAILER:
            break
        block = _block(source, introducer, offset)
        yield block
        offset = skip_sub_blocks(source, block.data)
    yield Block(TRAILER, 0, offset, offset)


def global_palette_end(source: Source) -> int:
    """Offset of the first block."""
    return _HEADER + _palette_size(source.number(10, 1))


def skip_sub_blocks(source: Source, offset: int) -> int:
    """Offset behind the empty sub-block that ends a block's data."""
    first, count = offset, 0
    while True:
        stretch = source.stretch(offset)
        here, end = 0, len(stretch)
        while here < end:
            length = stretch[here]
            here += length + 1
            count += 1
            if not length:
                return offset + here
        offset += here
        if count > _FREE_SUB_BLOCKS + (offset - first) // _MIN_MEAN_SUB_BLOCK:
            raise InvalidImage("The file is made of too many parts.")


def little(source: Source, offset: int) -> int:
    """The unsigned little-endian 16-bit number at `offset`."""
    return int.from_bytes(source.take(offset, 2), "little")


def _block(source: Source, introducer: int, start: int) -> Block:
    if introducer == EXTENSION:
        return Block(introducer, source.number(start + 1, 1), start, start + 2)
    if introducer == IMAGE:
        palette = _palette_size(source.number(start + 9, 1))
        return Block(introducer, 0, start, start + 10 + palette + 1)
    raise InvalidImage("The GIF has a block of an unknown kind.")


def _palette_size(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _widen(source: Source, frame: Block, width: int, height: int) -> tuple[int, int]:
    left, top = little(source, frame.start + 1), little(source, frame.start + 3)
    frame_width, frame_height = little(source, frame.start + 5), little(source, frame.start + 7)
    if not frame_width or not frame_height:
        raise InvalidImage("The GIF has no pixels.")
    return max(width, left + frame_width), max(height, top + frame_height)


def _is_kept_application(source: Source, block: Block) -> bool:
    return block.label == _APPLICATION and source.take(block.data, 12)[1:] in _APPLICATIONS
