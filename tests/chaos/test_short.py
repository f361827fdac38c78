"""A few scenarios for a few seconds each, on one stack; `make chaos` plays all of them, and longer."""

import random
from collections.abc import AsyncIterator

import aiohttp
import pytest
from msgspec.structs import replace

import tests.chaos.scenarios  # noqa: F401 - makes them known
from tests.chaos import report
from tests.chaos.audit import audit, call, shards_of
from tests.chaos.history import History, Outcome
from tests.chaos.run import run
from tests.chaos.stack import ChaosStack
from tests.chaos.workload import Workload
from tests.chaos.world import SCENARIOS, Scenario
from tests.pictures import noise
from tests.system.stack import PATIENT, swept

pytestmark = pytest.mark.xdist_group("chaos")
"""These tests share a stack, so they share a worker."""


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ChaosStack]:
    made = ChaosStack(swept(tmp_path_factory.mktemp("chaos") / "stack"), settings=PATIENT)
    await made.start()
    yield made
    await made.command("down", "--purge", "--yes")


@pytest.mark.parametrize("name", ["replay-paused-on-both", "filled-late", "answer-to-commit-lost"])
async def test_every_promise_is_kept(stack, tmp_path, name):
    """The rules of the history, the audit of the stores and what the fault must not touch."""
    verdict = await run(brief(SCENARIOS[name]), stack, seed=random.randrange(10**6), seconds=3)
    report.tell(verdict, tmp_path / "history.jsonl")
    assert verdict.holds


def brief(scenario: Scenario) -> Scenario:
    """The same, judged by the few calls that a busy machine makes in three seconds: one that fails is many of a
    hundred, and events are late where everything is.
    """
    promises = tuple(replace(promise, least=1, ratio=min(promise.ratio, 0.8)) for promise in scenario.promises)
    return replace(scenario, promises=promises, fresh_within=scenario.fresh_within and 30)


async def test_the_audit_misses_nothing(stack):
    """A copy that is gone or spoilt, an object that nobody knows and an event that nobody sends are found."""
    history = History()
    workload = Workload("audited", 1, history, stack.targets)
    me = workload.caller("me")
    sent, _ = await me.upload("audited.jpg", noise(random.Random(1), 64, 48), "image/jpeg", tag=workload.run)
    assert sent.outcome is Outcome.OK, sent
    await workload.close()
    assert await audit(stack, workload.run) == []
    # A worker would repair the copy, sweep the stray and send the event, perhaps before the audit has looked.
    async with stack.stopped("worker-1"), stack.postgres() as primary, aiohttp.ClientSession() as session:
        image, blob, placement = await primary.fetchrow(
            "SELECT images.id, blobs.id, placement FROM blobs JOIN images ON blob_id = blobs.id WHERE tags @> $1",
            [workload.run],
        )
        address = f"{(await shards_of(stack))[placement[0]]}/{blob}/original"

        async def store(method: str, url: str, body: bytes | None = None) -> bytes:
            status, answer = await call(session, stack, method, url, body=body)
            assert status < 300, f"{method} {url}: {status}"
            return answer

        async def found() -> str:
            return str(await audit(stack, workload.run, patience=0))

        data = await store("GET", address)
        await store("DELETE", address)
        assert "has no bytes" in await found()
        await store("PUT", address, data[:-1] + b"\x00")
        assert "not what was uploaded" in await found()
        await store("PUT", address, data)
        await store("PUT", f"{address}-stray", data)
        assert "no row names" in await found()
        await store("DELETE", f"{address}-stray")
        await primary.execute("UPDATE outbox SET published_at = NULL WHERE subject_id = $1", image)
        assert "wait in the outbox" in await found()
    assert await audit(stack, workload.run) == []
