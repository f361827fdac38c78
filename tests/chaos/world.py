"""A scenario and the world it happens in."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager

import msgspec

from tests.chaos.checker import Promise, Violation
from tests.chaos.history import NGINX, READS, WRITES, History
from tests.chaos.stack import ChaosStack
from tests.chaos.workload import Pace, Workload


class World:
    """What a scenario works on: a calm stack, clients that are at work, and how long it shall take."""

    def __init__(
        self, stack: ChaosStack, workload: Workload, history: History, seconds: float, rng: random.Random
    ) -> None:
        self.stack = stack
        self.workload = workload
        self.history = history
        self.seconds = seconds
        self.rng = rng
        self.poison: set[str] = set()
        """Images that can't be rendered: they end as failed."""
        self.violations: list[Violation] = []
        self.remarks: list[str] = []
        """What the scenario itself found broken, and what it measured."""

    def fault(self, what: str) -> AbstractContextManager[None]:
        """Notes what is done, for as long as the block runs; what is promised is judged within it."""
        return self.history.fault(what)

    def violated(self, rule: str, what: str) -> None:
        """Notes that a rule was broken which the history alone doesn't show."""
        self.violations.append(Violation(rule, what))

    async def lasts(self, share: float = 1.0) -> None:
        """Lets the clients work for a share of the scenario's seconds."""
        await self.pause(self.seconds * share)

    async def pause(self, seconds: float) -> None:
        """Lets the clients work for a while."""
        await asyncio.sleep(seconds)

    async def until(self, is_so: Callable[[], bool], what: str, within: float = 60.0) -> None:
        """Waits for something that the scenario needs. Raises AssertionError: then nothing was tested."""
        deadline = self.history.now() + within
        while not is_so():
            assert self.history.now() < deadline, f"not within {within:.0f} s: {what}"
            await asyncio.sleep(0.1)

    @asynccontextmanager
    async def failing(self, process: str, place: str, action: str) -> AsyncIterator[None]:
        """A failpoint is armed while the block runs, and has to be reached."""
        before = self.stack.visits(process, place)
        with self.fault(f"{process}: {place}={action}"):
            async with self.stack.armed(process, f"{place}={action}"):
                yield
                await self.until(lambda: self.stack.visits(process, place) > before, f"{place} is reached")


Body = Callable[[World], Awaitable[None]]


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """A fault, what is promised meanwhile, and how long its run takes.

    `body` runs while clients work. `seconds` is how long the fault lasts, `quick` how long in a run of all scenarios
    where that would take too much of it. `fresh_within` is for rule P4, None where
    NATS or the readers are touched. `shows` has the builds, broken on purpose, that must fail it, and the rules that
    they break.
    """

    name: str
    body: Body
    story: str
    seconds: float
    quick: float | None
    promises: tuple[Promise, ...]
    fresh_within: float | None
    shows: dict[str, str]
    pace: Pace
    options: tuple[str, ...]


SCENARIOS: dict[str, Scenario] = {}
"""All of them, by name, in the order in which they run."""

READS_GO_ON = Promise("reads through nginx", 0.99, READS)
WRITES_GO_ON = Promise("writes", 0.99, WRITES)
EVERYTHING_GOES_ON = (READS_GO_ON, WRITES_GO_ON)


def reads_at(*targets: str, ratio: float = 0.99) -> Promise:
    """That reads through these go on."""
    return Promise(f"reads at {', '.join(targets)}", ratio, READS, targets)


def scenario(
    *,
    seconds: float = 12.0,
    quick: float | None = None,
    promises: tuple[Promise, ...] = EVERYTHING_GOES_ON,
    fresh_within: float | None = None,
    shows: dict[str, str] | None = None,
    pace: Pace | None = None,
    options: tuple[str, ...] = (),
) -> Callable[[Body], Body]:
    """Makes a scenario of a function; its name and its docstring are the scenario's.

    `options` are those of `chitram up` that it needs.
    """

    def register(body: Body) -> Body:
        name = body.__name__.replace("_", "-")
        SCENARIOS[name] = Scenario(
            name=name,
            body=body,
            story=(body.__doc__ or "").strip(),
            seconds=seconds,
            quick=quick,
            promises=promises,
            fresh_within=fresh_within,
            shows=shows or {},
            pace=pace or Pace(),
            options=options,
        )
        return body

    return register


__all__ = ["EVERYTHING_GOES_ON", "NGINX", "READS_GO_ON", "WRITES_GO_ON", "Scenario", "World", "reads_at", "scenario"]
