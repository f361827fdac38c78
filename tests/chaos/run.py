"""Running one scenario on a stack, and judging it."""

import random
import secrets
import time
import traceback

import msgspec

from tests.chaos.audit import audit
from tests.chaos.checker import Violation, check
from tests.chaos.history import History
from tests.chaos.stack import ChaosStack
from tests.chaos.workload import Workload, answered
from tests.chaos.world import Scenario, World

WARM_UP, COOL_DOWN = 1.5, 1.5
"""Seconds that clients work before the fault and after it."""

LEAST = {"upload": 5, "delete": 2, "view": 40, "list": 5}
"""Answered calls without which a run has not tried anything."""

ENOUGH_WITHIN = 60.0
"""Seconds after which clients that still haven't made them are taken to be unable to."""


class Verdict(msgspec.Struct, frozen=True):
    """What came of a run. `broken` says why the scenario itself could not be played to its end, empty when it could;
    `remarks` are what it measured.
    """

    scenario: str
    seed: int
    seconds: float
    history: History
    violations: tuple[Violation, ...]
    broken: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every promise was kept."""
        return not self.violations and not self.broken


async def run(scenario: Scenario, stack: ChaosStack, *, seed: int, seconds: float | None = None) -> Verdict:
    """Clients work, the fault comes and goes; when all is calm the stores are audited and every reader is asked."""
    began = time.monotonic()
    history = History(run=f"c{seed}-{secrets.token_hex(4)}")
    rng = random.Random(seed)
    workload = Workload(history.run, seed, history, stack.targets)
    world = World(stack, workload, history, seconds or scenario.seconds, rng)
    try:
        audited = await _play(scenario, world)
        broken = ""
    except Exception:  # noqa: BLE001 - whatever a scenario trips over is a verdict, and the next one runs
        audited, broken = [], traceback.format_exc(limit=-3)
    finally:
        await workload.close()
    violations = [] if broken else check(history, fresh_within=scenario.fresh_within, promises=scenario.promises)
    violations += world.violations
    violations += audited if broken else [*audited, *_too_little(history)]
    took = time.monotonic() - began
    return Verdict(scenario.name, seed, took, history, tuple(violations), broken, tuple(world.remarks))


async def _play(scenario: Scenario, world: World) -> list[Violation]:
    async with world.workload.running(scenario.pace):
        await world.pause(WARM_UP)
        await scenario.body(world)
        await world.pause(COOL_DOWN)
        await _enough(world)
    await world.stack.calm()
    found = await audit(world.stack, world.workload.run, poison=world.poison)
    await world.workload.look_at_the_end()
    return found


async def _enough(world: World) -> None:
    """Lets the clients of a busy machine work a little longer, until they have tried what there is to try."""
    deadline = world.history.now() + ENOUGH_WITHIN
    while _too_little(world.history) and world.history.now() < deadline:
        await world.pause(0.1)


def _too_little(history: History) -> list[Violation]:
    counts = {action: answered(history.calls, action) for action in LEAST}
    return [
        Violation("A", f"only {counts[action]} calls of the kind {action!r} were answered: nothing was tried")
        for action, least in LEAST.items()
        if counts[action] < least
    ]
