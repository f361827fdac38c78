"""Any one process may be killed: it returns, and nothing that was acknowledged is lost."""

import os
import signal

import pytest

from tests.eventually import eventually
from tests.system.clients import SPARE
from tests.system.load import Load, everything_is_kept, serves
from tests.system.stack import Stack

pytestmark = pytest.mark.xdist_group("faults")
"""These tests share a stack, so they share a worker."""


async def test_every_process_may_be_killed_in_turn_under_load(own_stack):
    """`kill -9` of each: it comes back, the load goes on, and every acknowledged image becomes ready."""
    load = Load(own_stack.url)
    with load.running():
        for killed in own_stack.pids():
            pid = await eventually(lambda name=killed: pid_of(own_stack, name))
            os.kill(pid, signal.SIGKILL)

            def is_back(name: str = killed, old: int = pid) -> None:
                (now,) = (p for p in own_stack.processes() if p["name"] == name)
                assert now["pid"] != old
                assert serves(now)

            await eventually(is_back)
            uploaded, read = len(load.acknowledged), load.reads

            def goes_on(uploaded: int = uploaded, read: int = read) -> None:
                assert len(load.acknowledged) > uploaded + 2
                assert load.reads > read + 2

            await eventually(goes_on)
    await eventually(lambda: everything_is_kept(own_stack.url, load.acknowledged))


async def test_stopping_one_read_service_fails_no_read(own_stack):
    """nginx asks the others."""
    load = Load(own_stack.url)
    with load.running():

        def is_reading() -> None:
            assert load.reads > 20

        await eventually(is_reading)
        (process,) = (p for p in own_stack.processes() if p["name"] == "read-2")
        os.kill(process["pid"], signal.SIGKILL)
        seen = load.reads

        def went_on() -> None:
            assert load.reads > seen + 50

        await eventually(went_on)
    assert load.failed_reads == []
    assert len(load.returns) <= SPARE, load.returns


async def test_scaling_under_load_fails_no_request(own_stack):
    """Five read services and back to two, while people upload and look."""
    load = Load(own_stack.url)
    with load.running():
        for count in (5, 2, 3):
            own_stack.chitram("scale", f"read={count}")
            seen = load.reads

            def goes_on(seen: int = seen) -> None:
                assert load.reads > seen + 50

            await eventually(goes_on)
            assert sum(p["name"].startswith("read-") for p in own_stack.processes()) == count
    assert load.failed_reads == []
    assert load.refused_uploads == 0
    assert len(load.returns) <= SPARE, load.returns


def pid_of(stack: Stack, name: str) -> int:
    """Process id of a part that runs; one that ended with what it needs comes back by itself."""
    pid = stack.pids()[name]
    assert pid
    return pid
