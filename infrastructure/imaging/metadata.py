"""Taking out what a picture says about people, without touching a pixel."""

import io
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import TYPE_CHECKING, BinaryIO

from infrastructure.imaging.formats import blanking, gif, jpeg, png, webp
from infrastructure.imaging.formats.outline import Piece, Stripped, piece_size
from infrastructure.imaging.source import Source

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_STRIPPERS: dict[str, Callable[[Source], Stripped]] = {
    "image/jpeg": jpeg.strip,
    "image/png": png.strip,
    "image/gif": gif.strip,
    "image/webp": webp.strip,
    "image/avif": blanking.strip,
    "image/heic": blanking.strip,
}


def strip(file: BinaryIO, content_type: str) -> Stripped:
    """What of the probed picture in `file` is to be stored.

    Kept are pixels, animation, colour profile and orientation; EXIF, XMP, IPTC, comments, text, thumbnails, the further
    pictures of an MPO and bytes behind the end are not. Reads headers as `probe` does and keeps no pixels in
    memory; `open_stripped` gives the bytes. Raises `InvalidImage` when the container does not add up.
    """
    return _STRIPPERS[content_type](Source(file))


def open_stripped(stripped: Stripped, file: BinaryIO) -> BinaryIO:
    """The stripped picture as a seekable file that reads from `file`, which must stay open and be left alone."""
    return io.BufferedReader(_Pieces(stripped.pieces, file), buffer_size=256 * 1024)


class _Pieces(io.RawIOBase):
    """Pieces of another file, and bytes between them, one behind the other."""

    def __init__(self, pieces: tuple[Piece, ...], file: BinaryIO) -> None:
        super().__init__()
        self._pieces = pieces
        self._file = file
        self._starts = [0, *accumulate(piece_size(piece) for piece in pieces)]
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._starts[-1]}[whence]
        if base + offset < 0:
            raise ValueError("negative position")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: "WriteableBuffer") -> int:
        room = memoryview(buffer)
        index = bisect_right(self._starts, self._at) - 1
        if index >= len(self._pieces):
            return 0
        piece, inside = self._pieces[index], self._at - self._starts[index]
        length = min(len(room), piece_size(piece) - inside)
        if isinstance(piece, bytes):
            data = piece[inside : inside + length]
        else:
            self._file.seek(piece.start + inside)
            data = self._file.read(length)
        room[: len(data)] = data
        self._at += len(data)
        return len(data)
