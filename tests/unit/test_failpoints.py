"""A process fails where a test has told it to, and nowhere else."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.errors import Unavailable
from infrastructure import failpoints
from infrastructure.env import ConfigError
from infrastructure.failpoints import NAMES, FailpointReached, Failpoints, Plan, failpoint, parse, read

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _disarmed_afterwards():
    yield
    failpoints.arm({})


async def test_nothing_happens_unless_the_environment_says_so():
    """Without the variable no place does anything, and none is counted."""
    failpoints.arm({})
    for name in NAMES:
        await failpoint(name)
    assert not failpoints._failpoints.are_armed


async def test_a_place_fails_as_planned_and_others_do_not():
    """Only what is named is touched."""
    failpoints.arm({"CHITRAM_FAILPOINTS": "relay.before_mark=error"})
    await failpoint("look_up.before_fill")
    with pytest.raises(FailpointReached):
        await failpoint("relay.before_mark")


@pytest.mark.parametrize(("action", "error"), [("unavailable", Unavailable), ("lost", ConnectionResetError)])
async def test_errors_that_code_reckons_with_can_be_raised(action, error):
    """A missing dependency and a broken connection have actions of their own."""
    with pytest.raises(error):
        await Failpoints(parse(f"relay.before_mark={action}")).reach("relay.before_mark")


async def test_sleeping_holds_up_the_caller_and_goes_on():
    """A sleep is over some time."""
    await Failpoints(parse("look_up.before_fill=sleep:0.001")).reach("look_up.before_fill")


@pytest.mark.parametrize(("action", "status"), [("kill", -signal.SIGKILL), ("exit", -signal.SIGTERM)])
def test_a_process_can_be_ended(action, status):
    """`kill` is SIGKILL; `exit` is SIGTERM, which a process without a handler does not survive either."""
    script = (
        "import asyncio; from infrastructure import failpoints as f; f.arm();"
        "asyncio.run(f.failpoint('upload.before_put')); print('alive')"
    )
    environment = {"CHITRAM_FAILPOINTS": f"upload.before_put={action}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run((sys.executable, "-c", script), env=environment, cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (status, b"")


@pytest.mark.parametrize(
    ("spec", "visits"), [("error", [1, 2, 3, 4, 5, 6]), ("error@3", [3]), ("error@1", [1]), ("error/2", [2, 4, 6])]
)
async def test_an_action_may_be_taken_at_some_visits_only(spec, visits):
    """`@3` is the third time, `/2` every second time."""
    points = Failpoints(parse(f"relay.before_mark={spec}"))
    failed = []
    for visit in range(1, 7):
        try:
            await points.reach("relay.before_mark")
        except FailpointReached:
            failed.append(visit)
    assert failed == visits


def test_several_places_may_be_named():
    """Between commas, or one a line."""
    assert parse("relay.before_mark=kill@3, look_up.before_fill=sleep:0.5\nderive.before_row=exit/2\n") == {
        "relay.before_mark": Plan("kill", only=3),
        "look_up.before_fill": Plan("sleep", seconds=0.5),
        "derive.before_row": Plan("exit", every=2),
    }


@pytest.mark.parametrize(
    "text",
    [
        "nowhere=kill",
        "relay.before_mark",
        "relay.before_mark=explode",
        "relay.before_mark=sleep",
        "relay.before_mark=kill@0",
    ],
)
def test_what_can_not_be_done_is_refused_at_the_start(text):
    """The error names the variable and what is wrong with it."""
    with pytest.raises(ConfigError, match=f"CHITRAM_FAILPOINTS.*{re.escape(text)}"):
        read({"CHITRAM_FAILPOINTS": text})


async def test_a_running_process_can_be_told_to_fail_and_to_stop_failing(tmp_path):
    """With a directory the plans are those of the process's own file; visits count from its last change."""
    points = read({"CHITRAM_FAILPOINTS": str(tmp_path), "CHITRAM_NAME": "write-1"})
    await points.reach("upload.before_put")
    (tmp_path / "write-2").write_text("upload.before_put=error")
    await points.reach("upload.before_put")
    (tmp_path / "write-1").write_text("upload.before_put=error@2")
    await points.reach("upload.before_put")
    with pytest.raises(FailpointReached):
        await points.reach("upload.before_put")
    (tmp_path / "write-1").unlink()
    await points.reach("upload.before_put")


def test_each_place_is_somewhere():
    """No name is listed that nothing reaches."""
    code = "".join(file.read_text() for room in ("services", "infrastructure") for file in (ROOT / room).rglob("*.py"))
    assert [name for name in NAMES if f'failpoint("{name}")' not in code] == []
