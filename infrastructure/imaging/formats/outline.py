"""What the modules of this package give: what a picture is, and which of its bytes are the picture."""

import msgspec

from infrastructure.imaging.exif import UPRIGHT


class Probe(msgspec.Struct, frozen=True):
    """True type and size of a picture. `width` and `height` are pixels as stored, before orientation."""

    content_type: str
    width: int
    height: int
    frames: int = 1

    @property
    def pixels(self) -> int:
        """Pixels of the canvas."""
        return self.width * self.height


class Extent(msgspec.Struct, frozen=True):
    """A stretch of a file: offsets of its first byte and of the byte behind it."""

    start: int
    end: int


Piece = Extent | bytes


def piece_size(piece: Piece) -> int:
    """Bytes of a piece."""
    return len(piece) if isinstance(piece, bytes) else piece.end - piece.start


class Stripped(msgspec.Struct, frozen=True):
    """A picture without what it says about people, as stretches of the original and bytes put between them.

    `removed` is False when that is the file itself, byte for byte. `exif` is the TIFF structure that was found (or
    nothing), `orientation` what it says of turning.
    """

    pieces: tuple[Piece, ...]
    removed: bool
    exif: bytes = b""
    orientation: int = UPRIGHT

    @property
    def size(self) -> int:
        """Bytes of the stripped file."""
        return sum(piece_size(piece) for piece in self.pieces)


class Selection:
    """Collects the pieces of a file that stay, in order; neighbours are joined."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.changed = False

    def keep(self, start: int, end: int) -> None:
        """Keeps a stretch of the file."""
        last = self.pieces[-1] if self.pieces else None
        if isinstance(last, Extent) and last.end == start:
            self.pieces[-1] = Extent(last.start, end)
        elif end > start:
            self.pieces.append(Extent(start, end))

    def put(self, data: bytes) -> None:
        """Puts bytes that the file has not, or in place of its own."""
        self.pieces.append(data)
        self.changed = True

    def drop(self) -> None:
        """Says that a part of the file was left out."""
        self.changed = True

    @property
    def size(self) -> int:
        """Bytes selected so far."""
        return sum(piece_size(piece) for piece in self.pieces)
