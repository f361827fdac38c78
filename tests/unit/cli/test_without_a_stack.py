"""Commands in a directory where nothing was ever started."""

import json

import pytest

from deploy.local import ports
from services.cli.main import main


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("arguments", [["status"], ["scale", "read=2"], ["restart", "read"], ["logs"]])
def test_each_says_how_to_start_one(arguments, capsys):
    """Status 1, and the way out."""
    assert main(arguments) == 1
    assert "chitram up" in capsys.readouterr().err


def test_status_for_programs_is_empty(capsys):
    """Programs get a document all the same."""
    assert main(["status", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"url": "", "processes": [], "endpoints": {}}


def test_nothing_is_stopped(capsys, tmp_path):
    """`down` is content, and leaves no directory behind."""
    assert main(["down"]) == 0
    assert "not running" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_purge_asks(monkeypatch, capsys):
    """Only yes means yes."""
    for said, status in (("", 1), ("n", 1), ("maybe", 1), ("y", 0)):
        monkeypatch.setattr("builtins.input", lambda _, said=said: said)
        assert main(["down", "--purge"]) == status
    assert main(["down", "--purge", "--yes"]) == 0
    assert "removed" in capsys.readouterr().out


def test_another_directory(tmp_path, capsys):
    """-C names the directory a command is for."""
    (tmp_path / "other").mkdir()
    assert main(["-C", str(tmp_path / "other"), "down"]) == 0
    assert "not running" in capsys.readouterr().out


def test_damaged_facts_are_named(tmp_path, capsys):
    """What can't be read is named with the way out; purging still works."""
    (tmp_path / ".chitram").mkdir()
    (tmp_path / ".chitram" / "stack.json").write_text("{")
    assert main(["status"]) == 1
    assert "stack.json is damaged" in capsys.readouterr().err
    assert main(["down", "--purge", "--yes"]) == 0
    assert not (tmp_path / ".chitram").exists()


def test_place_that_can_not_be_written_to(monkeypatch, tmp_path, capsys):
    """A stack needs a directory it can write to."""
    (tmp_path / ".chitram").touch()
    assert main(["up"]) == 1
    assert "Nothing can be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHITRAM_MAX_FILE_SIZE", "abc"),
        ("CHITRAM_MAX_FILE_SIZE", "0"),
        ("CHITRAM_S3_TLS", "true"),
        ("CHITRAM_READ_MEMORY", "-1"),
    ],
)
def test_setting_that_can_not_be_meant_is_named_and_forgotten(monkeypatch, capsys, name, value):
    """Nothing is started or kept, so the next commands work."""
    monkeypatch.setenv(name, value)
    (port,) = ports.choose(1)
    assert main(["up", "--port", str(port)]) == 1
    assert name in capsys.readouterr().err
    assert main(["status"]) == 1
    assert "no stack here" in capsys.readouterr().err
    assert main(["down"]) == 0


def test_what_can_not_be_removed_is_named(monkeypatch, tmp_path, capsys):
    """Data is only said to be gone when it is."""
    (tmp_path / ".chitram").mkdir()

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path / "run"))

    monkeypatch.setattr("shutil.rmtree", refuse)
    assert main(["down", "--purge", "--yes"]) == 1
    said = capsys.readouterr()
    assert "run could not be removed: Permission denied" in said.err
    assert "removed" not in said.out
