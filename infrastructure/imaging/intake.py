"""Taking in a picture somebody sent: what it is, what it tells of people, and what of it is stored."""

import asyncio
import hashlib
import io
from typing import Any, BinaryIO

import msgspec

from contracts.errors import Unavailable
from infrastructure.imaging.config import ImagingLimits
from infrastructure.imaging.exif import read_facts
from infrastructure.imaging.metadata import strip
from infrastructure.imaging.probe import probe
from infrastructure.imaging.rewrite import rewrite

_AT_ONCE = 256 * 1024


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that may be stored. `size` in bytes and `sha256` in hexadecimal are of the file as it is now.

    `width` and `height` are pixels as stored. `camera` is for everyone who may see the picture, `place` for its
    owner alone.
    """

    content_type: str
    width: int
    height: int
    frames: int
    size: int
    sha256: str
    metadata_stripped: bool
    camera: dict[str, Any]
    place: dict[str, float]


async def take_in(file: BinaryIO, sha256: str, *, keep_metadata: bool, limits: ImagingLimits) -> Intake:
    """Probes the picture in `file` and, unless told otherwise, takes out of that file what it says about people.

    A file in memory, which is small, is read on the spot; one on disk in a thread. Raises `EmptyFile`,
    `InvalidFileFormat`, `InvalidImage`, `ImageTooLarge`, and `Unavailable` when the disk is full.
    """
    try:
        if isinstance(file, io.BytesIO):
            return _take_in(file, sha256, keep_metadata, limits)
        return await asyncio.to_thread(_take_in, file, sha256, keep_metadata, limits)
    except OSError as error:
        raise Unavailable from error


def _take_in(file: BinaryIO, sha256: str, keep_metadata: bool, limits: ImagingLimits) -> Intake:
    found = probe(file, limits)
    stripped = strip(file, found.content_type)
    facts = read_facts(stripped.exif)
    changes = stripped.removed and not keep_metadata
    if changes:
        rewrite(file, stripped)
        sha256 = _digest(file)
    return Intake(
        content_type=found.content_type,
        width=found.width,
        height=found.height,
        frames=found.frames,
        size=file.seek(0, io.SEEK_END),
        sha256=sha256,
        metadata_stripped=changes,
        camera=facts.camera,
        place=facts.place,
    )


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while piece := file.read(_AT_ONCE):
        digest.update(piece)
    return digest.hexdigest()
