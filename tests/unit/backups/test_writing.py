"""A backup is whole or it is not there."""

import pytest

from contracts.errors import Refused, Unavailable
from infrastructure.backups.reading import Backup
from infrastructure.backups.writing import new_backup


def save(directory):
    """A small backup."""
    with new_backup(directory) as backup:
        with backup.compressed("rows/a.copy.gz") as write:
            write(b"1\n2")
            write(b"\n")
        backup.write("manifest.json", b"{}")
        backup.write_object("id/original", b"bytes")


def test_what_was_written_is_read(tmp_path):
    """Rows by piece and by line, small files, objects; for nobody else's eyes."""
    save(tmp_path / "b")
    backup = Backup(tmp_path / "b")
    backup.verify()
    assert b"".join(backup.chunks("rows/a.copy.gz")) == b"1\n2\n"
    assert list(backup.lines("rows/a.copy.gz")) == [b"1", b"2"]
    assert backup.read("manifest.json") == b"{}"
    assert (backup.read_object("id/original"), backup.read_object("id/other")) == (b"bytes", None)
    files = [path for path in (tmp_path / "b").rglob("*") if path.is_file()]
    assert all(path.stat().st_mode & 0o77 == 0 for path in (tmp_path / "b", *files))


def test_one_that_was_interrupted_leaves_nothing(tmp_path):
    """Whatever ended it."""

    def interrupted():
        with new_backup(tmp_path / "b") as backup:
            backup.write("manifest.json", b"{}")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_one_that_was_killed_does_not_look_whole(tmp_path):
    """Its directory has another name and no checksums."""
    with new_backup(tmp_path / "b") as backup:
        backup.write("manifest.json", b"{}")
        (partial,) = tmp_path.iterdir()
        assert partial.name.endswith(".partial")
        with pytest.raises(Refused, match="not a whole one"):
            Backup(partial).verify()


def test_nothing_is_overwritten(tmp_path):
    """A backup of that name stays as it is."""
    save(tmp_path / "b")
    with pytest.raises(Refused, match="exists already"):
        save(tmp_path / "b")
    Backup(tmp_path / "b").verify()


@pytest.mark.parametrize("name", ["manifest.json", "rows/a.copy.gz"])
def test_damage_is_found(tmp_path, name):
    """A bit that has flipped, an end that is missing, a file that is gone: the file is named."""
    save(tmp_path / "b")
    file = tmp_path / "b" / name
    data = file.read_bytes()
    for damaged in (bytes([data[0] ^ 1]) + data[1:], data[:-1]):
        file.write_bytes(damaged)
        with pytest.raises(Refused, match=name):
            Backup(tmp_path / "b").verify()
    file.unlink()
    with pytest.raises(Refused, match=name):
        Backup(tmp_path / "b").verify()
    with pytest.raises(Refused, match=name):
        Backup(tmp_path / "b").read(name)


def test_what_can_not_be_unpacked_is_damaged(tmp_path):
    """Also for who did not compare the checksums first."""
    save(tmp_path / "b")
    file = tmp_path / "b" / "rows/a.copy.gz"
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(Refused, match="damaged"):
        list(Backup(tmp_path / "b").chunks("rows/a.copy.gz"))


def test_a_disk_that_takes_nothing_is_told_of(tmp_path):
    """In a sentence, and nothing is left."""
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="can't be written"):
        save(tmp_path / "file" / "b")

    def in_the_way():
        with new_backup(tmp_path / "b") as backup:
            backup.write("rows", b"")
            with backup.compressed("rows/a.copy.gz"):
                pass

    with pytest.raises(Unavailable, match="can't be written"):
        in_the_way()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
