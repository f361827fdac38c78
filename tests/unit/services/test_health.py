"""Reports of health that many ask for."""

import asyncio

from services.shared import health
from services.shared.health import Dependency, Examiner, Health


async def test_many_who_ask_at_once_cost_one_examination(monkeypatch):
    """The report is given out again until it is old, and then made anew."""
    asked = []

    async def check() -> bool:
        asked.append(1)
        await asyncio.sleep(0)
        return len(asked) == 1

    examiner = Examiner("read", (Dependency("it", check),))
    reports = await asyncio.gather(*(examiner.report() for _ in range(50)))
    assert len(asked) == 1
    assert {report.status for report in reports} == {Health.OK}
    monkeypatch.setattr(health, "KEEP", -1.0)
    later = Examiner("read", (Dependency("it", check),))
    assert [(await later.report()).status for _ in range(2)] == [Health.UNAVAILABLE] * 2
    assert len(asked) == 3
