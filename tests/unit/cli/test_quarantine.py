"""`chitram quarantine` as people and programs see it."""

import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from infrastructure.postgres.quarantine import Quarantined, Replayed
from services.cli import quarantine, rooms
from services.cli.main import main

EVENT, IMAGE = UUID(int=1), UUID(int=2)
ROW = Quarantined(
    EVENT,
    "derive",
    IMAGE,
    "image.uploaded.v1",
    b'{"id": 1}',
    "Boom [/]\nat line 1",
    5,
    datetime(2026, 1, 2, tzinfo=UTC),
)
STRANGE = Quarantined(uuid4(), "erase", None, "image.deleted.v9", b"\xff?", "?", 1, datetime(2026, 1, 1, tzinfo=UTC))


class Shelf:
    """A quarantine of two."""

    def __init__(self, *_, **__):
        self.rows = (ROW, STRANGE)

    async def select(self, *, consumer=None):
        return tuple(row for row in self.rows if consumer in (None, row.consumer))

    async def find(self, event_id):
        return tuple(row for row in self.rows if row.id == event_id)

    async def replay(self, event_id):
        return {EVENT: Replayed.SENT, STRANGE.id: Replayed.UNDECODABLE}.get(event_id, Replayed.MISSING)


@pytest.fixture(autouse=True)
def shelf(monkeypatch):
    @asynccontextmanager
    async def nobody(_):
        yield None

    monkeypatch.setattr(rooms, "environment", dict)
    monkeypatch.setattr(quarantine, "open_primary", nobody)
    monkeypatch.setattr(quarantine, "Quarantine", Shelf)


def test_the_list_has_a_line_for_each(capsys):
    """With the first line of the reason; what it says is no markup."""
    assert main(["quarantine", "list"]) == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["EVENT", "CONSUMER", "ABOUT", "SINCE", "ATTEMPTS", "REASON"]
    assert first.split() == [str(EVENT), "derive", str(IMAGE), "2026-01-02", "00:00:00", "5", "Boom", "[/]"]
    assert second.split()[1:3] == ["erase", "?"]


def test_the_list_for_programs(capsys):
    """Payloads as they are, as far as they are JSON."""
    assert main(["quarantine", "list", "--consumer", "derive", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["id"], row["payload"], row["reason"]) == (str(EVENT), {"id": 1}, "Boom [/]\nat line 1")


def test_an_empty_list_says_so(capsys, monkeypatch):
    """In words, or as an empty document."""
    monkeypatch.setattr(Shelf, "__init__", lambda self, *_, **__: setattr(self, "rows", ()))
    assert main(["quarantine", "list"]) == 0
    assert main(["quarantine", "replay", "--all"]) == 0
    assert capsys.readouterr().out == "Nothing was given up.\n" * 2
    assert main(["quarantine", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_one_is_shown_whole(capsys):
    """Every line of its reason, and its payload."""
    assert main(["quarantine", "show", str(EVENT)]) == 0
    told = capsys.readouterr().out
    assert "at line 1" in told
    assert '"id": 1' in told
    assert main(["quarantine", "show", str(STRANGE.id), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["payload"] == "\ufffd?"


def test_one_that_is_not_there(capsys):
    """Status 1, and where to look."""
    assert main(["quarantine", "show", str(uuid4())]) == 1
    assert "chitram quarantine list" in capsys.readouterr().err


def test_a_replay_tells_of_each(capsys):
    """Status 1 when one of them can't be tried again."""
    assert main(["quarantine", "replay", str(EVENT)]) == 0
    assert capsys.readouterr().out == f"{EVENT} will be tried again\n"
    assert main(["quarantine", "replay", str(EVENT), str(uuid4())]) == 1
    assert main(["quarantine", "replay", "--all"]) == 1
    assert "can't be decoded" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["replay"], ["replay", "--all", str(EVENT)], ["show"], ["show", "x"]])
def test_what_can_not_be_meant_is_refused(arguments, capsys):
    """With status 2."""
    with pytest.raises(SystemExit) as stopped:
        main(["quarantine", *arguments])
    assert stopped.value.code == 2
    assert "usage" in capsys.readouterr().err
