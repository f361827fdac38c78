"""The last use of credentials is recorded rarely and many at a time."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from contracts.errors import Unavailable
from services.shared import usage
from services.shared.usage import COARSE, UsageLog

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


class Table:
    """What was recorded."""

    def __init__(self) -> None:
        self.calls: list[dict] = []
        self.is_down = False

    async def touch(self, used) -> None:
        if self.is_down:
            raise Unavailable
        self.calls.append(dict(used))


async def test_uses_are_told_once_an_hour():
    """However often a credential is used."""
    log, table, one, two = UsageLog(), Table(), uuid4(), uuid4()
    for minutes in range(60):
        log.note(one, NOON + timedelta(minutes=minutes))
    log.note(two, NOON)
    await log.tell(table.touch)
    await log.tell(table.touch)
    log.note(one, NOON + COARSE)
    await log.tell(table.touch)
    assert table.calls == [{one: NOON, two: NOON}, {one: NOON + COARSE}]


async def test_what_could_not_be_told_is_told_later():
    """An outage loses nothing."""
    log, table, one = UsageLog(), Table(), uuid4()
    log.note(one, NOON)
    table.is_down = True
    await log.tell(table.touch)
    table.is_down = False
    await log.tell(table.touch)
    assert table.calls == [{one: NOON}]


async def test_no_crowd_fills_the_memory(monkeypatch):
    """Of too many, those noted first are dropped."""
    monkeypatch.setattr(usage, "MOST", 3)
    log, table, ids = UsageLog(), Table(), [uuid4() for _ in range(5)]
    for one in ids:
        log.note(one, NOON)
    await log.tell(table.touch)
    assert list(table.calls[0]) == ids[2:]
