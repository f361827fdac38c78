"""Named places where a test can make a process fail, at the edges that matter.

`await failpoint("relay.before_mark")` looks into an empty table and nothing else, unless the process was started with

    CHITRAM_FAILPOINTS=relay.before_mark=kill@3,look_up.before_fill=sleep:2

or with a directory, `CHITRAM_FAILPOINTS=/some/where`: then the file in it that is named like the process
(`CHITRAM_NAME`) is read whenever a place is reached, so that a running process can be told to fail, and to stop.

| action | what happens |
|---|---|
| `kill` | the process is gone, as with `kill -9` |
| `exit` | the process is asked to end, as with SIGTERM, and goes on until it does |
| `sleep:SECONDS` | the caller waits; everything else in the process goes on |
| `error` | an exception that nobody expects |
| `unavailable` | the error of a dependency that is not there |
| `lost` | the error of a connection that broke: what was sent has arrived, and its answer never comes |

An action is taken every time, or with `@3` the third time only, or with `/3` every third time.
"""

import asyncio
import logging
import os
import re
import signal
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import msgspec

from contracts.errors import Unavailable
from infrastructure.env import ConfigError

Name = Literal[
    # An upload, in this order; PUTs are counted one by one, each copy of each object.
    "upload.before_put",
    "storage.before_put",
    "storage.after_put",
    "upload.before_insert",
    "upload.before_answer",
    # Any transaction on the primary.
    "primary.before_commit",
    "primary.after_commit",
    # A deletion, before its transaction and after it.
    "delete.before_row",
    "delete.before_answer",
    # The relay has the stream's acknowledgements and has not told the outbox.
    "relay.before_mark",
    # The derivatives are stored and no row names them; the row does, and the event is not acknowledged.
    "derive.before_row",
    "derive.before_ack",
    # The objects are erased and their rows are still there.
    "erase.before_row",
    # The new copies are there and the row does not name them.
    "rebalance.before_row",
    # A look-up has read the base and has not filled a cache.
    "look_up.before_fill",
]
"""Every place there is."""

NAMES: tuple[str, ...] = get_args(Name)
VARIABLE = "CHITRAM_FAILPOINTS"

_SPEC = re.compile(
    r"(kill|exit|error|unavailable|lost|sleep:(?P<seconds>\d+(\.\d+)?))(?P<which>[@/](?P<count>[1-9]\d*))?"
)

logger = logging.getLogger(__name__)


class FailpointReached(Exception):
    """What `error` raises: a fault that no code has reckoned with."""


class Plan(msgspec.Struct, frozen=True):
    """What is done at a place, at which visit (`only`) or at every how many (`every`)."""

    action: str
    seconds: float = 0.0
    only: int = 0
    every: int = 1

    def is_due(self, visit: int) -> bool:
        """Whether the action is taken at this visit, counted from 1."""
        return visit == self.only if self.only else visit % self.every == 0


def parse(text: str) -> dict[str, Plan]:
    """The plans in `name=action,name=action`. Raises `ConfigError`."""
    return dict(_plan(part.strip()) for part in re.split(r"[,\n]", text) if part.strip())


def _plan(text: str) -> tuple[str, Plan]:
    name, _, spec = text.partition("=")
    found = _SPEC.fullmatch(spec)
    if name not in NAMES or found is None:
        raise ConfigError(f"{VARIABLE}: no such place or action: {text!r}")
    count = int(found["count"] or 1)
    which = {"only": count} if (found["which"] or "").startswith("@") else {"every": count}
    return name, Plan(found[1].partition(":")[0], float(found["seconds"] or 0), **which)


class Failpoints:
    """The plans of one process, and how often each place has been reached since they were made."""

    def __init__(self, plans: Mapping[str, Plan], file: Path | None = None) -> None:
        """`file` holds plans that replace these whenever it changes."""
        self._plans = plans
        self._file = file
        self._stamp = 0
        self._visits: Counter[str] = Counter()
        self.are_armed = bool(plans) or file is not None

    async def reach(self, name: str) -> None:
        """Does what is planned for this place, if anything is."""
        if self._file is not None:
            self._look(self._file)
        plan = self._plans.get(name)
        if plan is None:
            return
        self._visits[name] += 1
        if plan.is_due(self._visits[name]):
            logger.warning("failpoint %s: %s at visit %d", name, plan.action, self._visits[name])
            await _act(plan)

    def _look(self, file: Path) -> None:
        try:
            stamp = file.stat().st_mtime_ns
        except FileNotFoundError:
            stamp = 0
        if stamp != self._stamp:
            self._stamp = stamp
            self._plans = parse(file.read_text()) if stamp else {}
            self._visits.clear()


def read(environ: Mapping[str, str]) -> Failpoints:
    """What the environment says. Raises `ConfigError`."""
    text = environ.get(VARIABLE, "").strip()
    if text.startswith("/"):
        return Failpoints({}, Path(text) / environ.get("CHITRAM_NAME", "chitram"))
    return Failpoints(parse(text))


_failpoints = Failpoints({})


def arm(environ: Mapping[str, str] | None = None) -> None:
    """Takes the plans of this process from its environment, once, when it starts. Raises `ConfigError`."""
    global _failpoints  # noqa: PLW0603 - the places are all over the process, so are the plans
    _failpoints = read(os.environ if environ is None else environ)


async def failpoint(name: Name) -> None:
    """A place where a test can make this process fail; nothing happens unless it was told to."""
    if _failpoints.are_armed:
        await _failpoints.reach(name)


async def _act(plan: Plan) -> None:
    match plan.action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os.kill(os.getpid(), signal.SIGTERM)
        case "sleep":
            await asyncio.sleep(plan.seconds)
        case "unavailable":
            raise Unavailable
        case "lost":
            raise ConnectionResetError("the answer is lost, says a failpoint")
        case _:
            raise FailpointReached
