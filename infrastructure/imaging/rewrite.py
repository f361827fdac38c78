"""Making a file the stripped picture without a second copy of it."""

from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from infrastructure.imaging.formats.outline import Extent, Stripped, piece_size

_AT_ONCE = 256 * 1024


class _Move(msgspec.Struct, frozen=True):
    """A stretch of the file and where it is to begin."""

    start: int
    end: int
    to: int


def rewrite(file: BinaryIO, stripped: Stripped) -> None:
    """Makes `file`, which can be written and sought, what `stripped` says. Raises `OSError` when the disk is full.

    Stretches keep their order, so one that moves back never meets one that moves on. Those that move on go last one
    first, then those that move back first one first: nothing is overwritten before it was moved itself. What is put
    between them comes at the end, when every place is free.
    """
    moves = list(_moves(stripped))
    for move in reversed(moves):
        if move.to > move.start:
            _move_on(file, move)
    for move in moves:
        if move.to < move.start:
            _move_back(file, move)
    at = 0
    for piece in stripped.pieces:
        if not isinstance(piece, Extent):
            file.seek(at)
            file.write(piece)
        at += piece_size(piece)
    file.truncate(stripped.size)


def _moves(stripped: Stripped) -> Iterator[_Move]:
    at = 0
    for piece in stripped.pieces:
        if isinstance(piece, Extent):
            yield _Move(piece.start, piece.end, at)
        at += piece_size(piece)


def _move_on(file: BinaryIO, move: _Move) -> None:
    end = move.end
    while end > move.start:
        start = max(move.start, end - _AT_ONCE)
        _copy(file, start, end, move.to + start - move.start)
        end = start


def _move_back(file: BinaryIO, move: _Move) -> None:
    for start in range(move.start, move.end, _AT_ONCE):
        _copy(file, start, min(start + _AT_ONCE, move.end), move.to + start - move.start)


def _copy(file: BinaryIO, start: int, end: int, to: int) -> None:
    file.seek(start)
    data = file.read(end - start)
    file.seek(to)
    file.write(data)
