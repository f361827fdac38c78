"""A picture that comes in is made what is stored, in place."""

import hashlib
import io
from itertools import pairwise
from tempfile import TemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from contracts.errors import Unavailable
from infrastructure.imaging.config import ImagingLimits
from infrastructure.imaging.formats.outline import Extent, Stripped
from infrastructure.imaging.intake import take_in
from infrastructure.imaging.metadata import open_stripped, strip
from infrastructure.imaging.rewrite import rewrite
from tests import corpus
from tests.unit.imaging import files

LIMITS = ImagingLimits()
MAKE, TAKEN, SERIAL, GPS = 0x010F, 0x9003, 0xA431, 0x8825


def photo() -> bytes:
    """A JPEG that tells who, when and where."""
    told = Image.Exif()
    told[MAKE], told[SERIAL] = "Maker", "SERIAL-0815"
    told.get_ifd(0x8769)[TAKEN] = "2026:01:02 03:04:05"
    told.get_ifd(GPS).update({1: "N", 2: (48.0, 30.0, 0.0), 3: "E", 4: (9.0, 15.0, 0.0)})
    return files.saved("JPEG", exif=told.tobytes(), comment=b"for nobody's eyes")


async def taken_in(data: bytes, *, keep_metadata: bool = False):
    """What is said of a file, and what it is afterwards."""
    file = io.BytesIO(data)
    intake = await take_in(file, hashlib.sha256(data).hexdigest(), keep_metadata=keep_metadata, limits=LIMITS)
    return intake, file.getvalue()


async def test_private_words_go_and_facts_are_handed_over():
    """The camera's facts and the place are told apart, and the file has neither any more."""
    intake, stored = await taken_in(photo())
    assert intake.camera == {"make": "Maker", "taken_at": "2026-01-02T03:04:05"}
    assert intake.place == {"latitude": 48.5, "longitude": 9.25}
    assert intake.metadata_stripped
    assert b"SERIAL" not in stored
    assert b"nobody" not in stored
    assert (intake.size, intake.sha256) == (len(stored), hashlib.sha256(stored).hexdigest())


async def test_whoever_wants_to_keep_metadata_gets_the_file_back_as_it_was():
    """Then too its facts are known."""
    intake, stored = await taken_in(photo(), keep_metadata=True)
    assert stored == photo()
    assert not intake.metadata_stripped
    assert intake.camera["make"] == "Maker"
    assert intake.sha256 == hashlib.sha256(stored).hexdigest()


async def test_a_file_on_disk_is_treated_as_one_in_memory():
    """Both ways in end with the same bytes."""
    expected, stored = await taken_in(photo())
    with TemporaryFile() as file:
        file.write(photo())
        assert await take_in(file, "", keep_metadata=False, limits=LIMITS) == expected
        file.seek(0)
        assert file.read() == stored


async def test_a_full_disk_is_unavailable():
    """A file that can't be changed may be sent again."""
    with pytest.raises(Unavailable):
        await take_in(_Full(photo()), "", keep_metadata=False, limits=LIMITS)


class _Full(io.BytesIO):
    """A file on a disk that is full."""

    def write(self, data) -> int:
        raise OSError(28, "No space left on device")


@corpus.needed
@corpus.each("ready")
async def test_every_file_becomes_its_stripped_self(row):
    """In place it becomes what a reader of its pieces reads, or stays byte for byte what it was."""
    intake, stored = await taken_in(row.data)
    file = io.BytesIO(row.data)
    assert stored == open_stripped(strip(file, row.content_type), file).read()
    assert intake.metadata_stripped == (stored != row.data)
    assert (intake.size, intake.sha256) == (len(stored), hashlib.sha256(stored).hexdigest())


@given(st.data())
def test_pieces_may_move_either_way(data):
    """Whatever is left out and put in between, nothing is overwritten before it was moved."""
    whole = data.draw(st.binary(min_size=1, max_size=200))
    edges = sorted(data.draw(st.lists(st.integers(0, len(whole)), min_size=2, max_size=12)))
    extents = [Extent(start, end) for start, end in list(pairwise(edges))[::2]]
    pieces = tuple(piece for extent in extents for piece in (data.draw(st.binary(max_size=30)), extent))
    stripped = Stripped(pieces, removed=True)
    expected = open_stripped(stripped, io.BytesIO(whole)).read()
    file = io.BytesIO(whole)
    rewrite(file, stripped)
    assert file.getvalue() == expected


@pytest.mark.parametrize("shift", [-5, 5])
def test_stretches_longer_than_what_is_moved_at_once_stay_whole(shift):
    """A megabyte moves by a few bytes without tearing."""
    body = bytes(range(256)) * 4096
    whole = b"x" * 10 + body
    pieces = (b"y" * (10 + shift), Extent(10, len(whole)))
    file = io.BytesIO(whole)
    rewrite(file, Stripped(pieces, removed=True))
    assert file.getvalue() == b"y" * (10 + shift) + body
