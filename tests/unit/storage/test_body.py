"""A body is seen, not copied."""

import io
import tempfile

import pytest

from infrastructure.storage.body import view

DATA = bytes(range(256)) * 1000


def in_memory(data):
    return io.BytesIO(data)


def on_disk(data):
    return filled(tempfile.TemporaryFile(), data)


def spooled(data):
    return filled(tempfile.SpooledTemporaryFile(max_size=10), data)


def filled(file, data):
    file.write(data)
    return file


@pytest.mark.parametrize("data", [DATA, b""])
def test_bytes_show_all_their_bytes(data):
    """As they are, and read-only."""
    for body in (data, memoryview(data), memoryview(bytearray(data))):
        seen = view(body)
        assert seen == data
        assert seen.readonly


@pytest.mark.parametrize("make", [in_memory, on_disk, spooled])
@pytest.mark.parametrize("data", [DATA, b""])
def test_a_file_shows_all_its_bytes(make, data):
    """From the beginning, wherever it has been read to, and read-only."""
    with make(data) as file:
        seen = view(file)
        assert seen == data
        assert seen.nbytes == len(data)
        assert seen.readonly


@pytest.mark.parametrize("make", [in_memory, on_disk, spooled])
def test_a_view_outlives_its_file(make):
    """An owner may close the file while a connection that hangs still holds a piece of it."""
    with make(DATA) as file:
        seen = view(file)
    assert seen == DATA


def test_wide_views_are_bytes_too():
    """Lengths are counted in bytes, whatever a memoryview's items are."""
    assert view(memoryview(DATA).cast("I")).nbytes == len(DATA)
