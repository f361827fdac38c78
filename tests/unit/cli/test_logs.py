"""`chitram logs`."""

from contextlib import closing

import pytest

from services.cli.logs import Followed
from services.cli.main import main


@pytest.fixture
def logs(tmp_path, monkeypatch):
    """The directory of a stack's logs; the stack belongs to the working directory."""
    monkeypatch.chdir(tmp_path)
    directory = tmp_path / ".chitram" / "logs"
    directory.mkdir(parents=True)
    return directory


def test_last_lines_of_one_part(logs, capfdbinary):
    """One part's lines are shown as they are, as many as asked for."""
    (logs / "nats.log").write_text("one\ntwo\nthree\n")
    assert main(["logs", "nats", "-n", "2"]) == 0
    assert capfdbinary.readouterr().out == b"two\nthree\n"


def test_lines_of_several_parts_are_named(logs, capfdbinary):
    """A kind stands for all of its processes; each line says whose it is."""
    for name in ("read-1", "read-2", "nats"):
        (logs / f"{name}.log").write_text(f"from {name}\n")
    assert main(["logs", "read"]) == 0
    assert capfdbinary.readouterr().out == b"read-1 | from read-1\nread-2 | from read-2\n"


def test_log_is_followed_over_a_rotation(logs, capfdbinary):
    """What is added before and after the file was replaced is shown, once and in order."""
    path = logs / "nats.log"
    path.write_text("old\n")
    with closing(Followed(path, 0)) as followed:
        followed.show_last(0)
        with path.open("a") as file:
            file.write("before\n")
        path.rename(logs / "nats.log.1")
        path.write_text("after\n")
        followed.show_new()
        followed.show_new()
    assert capfdbinary.readouterr().out == b"before\nafter\n"


def test_log_that_is_not_there(logs, capsys):
    """A wrong name is answered with the right ones."""
    (logs / "nats.log").touch()
    assert main(["logs", "nuts"]) == 1
    assert "There are: nats." in capsys.readouterr().err
