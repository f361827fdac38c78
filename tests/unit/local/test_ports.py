"""Choosing ports."""

import random
import socket
import time

import pytest

from deploy.local import ports


def test_a_port_somebody_listens_on_is_not_free():
    """A listening server's port is taken, and free again when it has gone."""
    (port,) = ports.choose(1)
    with socket.create_server(("127.0.0.1", port)):
        assert not ports.is_free(port)
    assert ports.is_free(port)


def test_ports_are_chosen_once(tmp_path):
    """Whoever chooses next gets others, although nobody listens on the first ones yet."""
    file = tmp_path / "notes"
    first = ports.choose(5, keep=[25_000], source=random.Random(1), file=file)
    second = ports.choose(5, avoid=[26_000], source=random.Random(1), file=file)
    assert len({*first, *second, 25_000, 26_000}) == 12
    assert all(ports.FIRST <= port < ports.LAST for port in (*first, *second))


def test_notes_are_forgotten_after_a_while(tmp_path, monkeypatch):
    """A choice that nobody made use of doesn't block its ports for ever."""
    file = tmp_path / "notes"
    first = ports.choose(3, source=random.Random(1), file=file)
    later = time.time() + ports.NOTED + 1
    monkeypatch.setattr("time.time", lambda: later)
    assert ports.choose(3, source=random.Random(1), file=file) == first


def test_damaged_notes_are_begun_anew(tmp_path):
    """Notes that were cut short stop nobody."""
    file = tmp_path / "notes"
    file.write_text('{"200')
    assert len(ports.choose(2, file=file)) == 2


def test_more_ports_than_there_are(tmp_path):
    """The error says so."""
    with pytest.raises(OSError, match="fewer than 12001 free ports"):
        ports.choose(ports.LAST - ports.FIRST + 1, file=tmp_path / "notes")
