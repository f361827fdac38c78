"""What a file is, decided by its bytes: header work only."""

from importlib.util import find_spec
from typing import BinaryIO

from contracts.errors import EmptyFile, InvalidFileFormat
from infrastructure.imaging.config import ImagingLimits
from infrastructure.imaging.formats import bmff, gif, jpeg, png, webp
from infrastructure.imaging.formats.outline import Probe
from infrastructure.imaging.source import Source

__all__ = ["Probe", "probe"]

_HEIC_IS_READ = find_spec("pillow_heif") is not None


def probe(file: BinaryIO, limits: ImagingLimits) -> Probe:
    """True type, size and frames of the picture in `file`, a seekable one whose position is moved.

    Reads headers and checks that the container adds up; decodes nothing, keeps no bytes, and costs well under
    a millisecond of CPU per megabyte. Raises `EmptyFile`, `InvalidFileFormat`, `InvalidImage` or `ImageTooLarge`.
    """
    source = Source(file)
    if not source.size:
        raise EmptyFile
    head = source.take(0, min(source.size, 16))
    if head.startswith(b"\xff\xd8\xff"):
        return jpeg.read(source, limits)
    if head.startswith(png.SIGNATURE):
        return png.read(source, limits)
    if head.startswith((b"GIF87a", b"GIF89a")):
        return gif.read(source, limits)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return webp.read(source, limits)
    if head[4:8] == b"ftyp":
        return bmff.read(source, limits, heic=_HEIC_IS_READ)
    raise InvalidFileFormat(_sentence())


def _sentence() -> str:
    names = "JPEG, PNG, GIF, WebP" + (", AVIF and HEIC" if _HEIC_IS_READ else " and AVIF")
    return f"Invalid file type: only {names} pictures are taken."
