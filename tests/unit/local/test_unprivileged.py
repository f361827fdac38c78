"""Running as root what refuses to."""

import pytest

from deploy.local import unprivileged
from deploy.local.trouble import Trouble

WORDS = ("postgres", "-D", "data")


@pytest.fixture
def as_root(monkeypatch):
    """We are root, whoever we are; `as_root(namespaces=..., setpriv=...)` says what the system has."""

    def be(*, namespaces: bool, setpriv: bool = True) -> None:
        monkeypatch.setattr("os.geteuid", lambda: 0)
        monkeypatch.setattr(unprivileged, "_namespaces_work", lambda: namespaces)
        monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}" if setpriv else None)

    return be


def test_ordinary_user_runs_it_as_it_is(monkeypatch):
    """Without root nothing special is needed."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert unprivileged.command(WORDS) == WORDS


def test_root_runs_it_in_a_namespace(as_root):
    """Where user namespaces are allowed, files keep their owner."""
    as_root(namespaces=True)
    command = unprivileged.command(WORDS)
    assert (command[0], command[-3:]) == ("unshare", WORDS)


def test_root_runs_it_as_another_user(as_root):
    """Where they are forbidden, another user runs it."""
    as_root(namespaces=False)
    command = unprivileged.command(WORDS)
    assert (command[0], command[-3:]) == ("setpriv", WORDS)


def test_root_is_told_when_there_is_no_way(as_root):
    """Where neither works, the way out is named."""
    as_root(namespaces=False, setpriv=False)
    with pytest.raises(Trouble, match="does not run as root"):
        unprivileged.command(WORDS)
