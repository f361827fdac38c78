"""`python -m tests.chaos`: faults while clients work, then the history check. `make chaos` runs it.

    python -m tests.chaos                                   every scenario, then the builds that are broken on purpose
    python -m tests.chaos --scenario redis-killed --seconds 30 --seed 7
    python -m tests.chaos --sabotage leases                 a broken build, against the scenarios that must catch it

0 when every promise was kept, and every broken build was caught; 1 when not; 2 when something could not be tried.
"""

import argparse
import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import tests.chaos.scenarios  # noqa: F401 - makes them known
from tests.chaos import report
from tests.chaos.report import console
from tests.chaos.run import Verdict, run
from tests.chaos.stack import ChaosStack
from tests.chaos.world import SCENARIOS, Scenario
from tests.system.stack import swept

SABOTAGES = ("tombstones", "leases", "versioned-fill", "reconciler")
HISTORIES = Path("build/chaos")
TRIES = 3
"""How often a broken build may get away before that counts: whether a race is met is a matter of luck."""


async def main() -> int:
    """The exit status."""
    given = _arguments()
    chosen = [SCENARIOS[name] for name in given.scenario or SCENARIOS]
    verdicts: list[Verdict] = []
    sabotaged: dict[str, str] = {}
    if given.sabotage:
        sabotaged[given.sabotage] = await _sabotaged(given.sabotage, given)
    else:
        for options in dict.fromkeys(scenario.options for scenario in chosen):
            group = [scenario for scenario in chosen if scenario.options == options]
            verdicts += await _run_all(group, options, given)
        for name in () if given.scenario else SABOTAGES:
            sabotaged[name] = await _sabotaged(name, given)
    report.table(verdicts, sabotaged)
    if any(verdict.broken for verdict in verdicts):
        return 2
    return 0 if all(verdict.holds for verdict in verdicts) and set(sabotaged.values()) <= {report.CAUGHT} else 1


async def _run_all(scenarios: list[Scenario], options: tuple[str, ...], given: argparse.Namespace) -> list[Verdict]:
    """Runs scenarios one after another; whoever leaves a stack that is not as it should be gets no successor there."""
    verdicts: list[Verdict] = []
    waiting = list(scenarios)
    while waiting:
        async with _stack(options) as stack:
            while waiting:
                scenario = waiting.pop(0)
                verdicts.append(await _run(scenario, stack, given))
                if not verdicts[-1].holds:
                    break
    return verdicts


async def _run(scenario: Scenario, stack: ChaosStack, given: argparse.Namespace, sabotage: str = "") -> Verdict:
    seed = random.randrange(10**6) if given.seed is None else given.seed
    console.print(f"\n{scenario.name} (seed {seed}): {scenario.story}", markup=False)
    seconds = given.seconds or (None if given.scenario else scenario.quick)
    verdict = await run(scenario, stack, seed=seed, seconds=seconds)
    report.tell(verdict, HISTORIES / f"{scenario.name}{sabotage and f'-without-{sabotage}'}-{seed}.jsonl")
    return verdict


async def _sabotaged(name: str, given: argparse.Namespace) -> str:
    """What became of a broken build: it has to fail the scenario that is meant for it."""
    (scenario,) = (one for one in SCENARIOS.values() if name in one.shows)
    console.print(f"\n[bold]A build with {name} broken on purpose: {scenario.name} has to fail[/]")
    async with _stack(scenario.options, sabotage=name) as stack:
        for _ in range(TRIES):
            verdict = await _run(scenario, stack, given, name)
            if any(violation.rule == scenario.shows[name] for violation in verdict.violations):
                return report.CAUGHT
    return report.MISSED


@asynccontextmanager
async def _stack(options: tuple[str, ...], sabotage: str = "") -> AsyncIterator[ChaosStack]:
    """A fresh stack below `build/`, gone at the end."""
    with TemporaryDirectory(prefix="chaos-", dir=_build(), ignore_cleanup_errors=True) as directory:
        stack = ChaosStack(swept(Path(directory) / "stack"), sabotage)
        with console.status("starting a stack"):
            await stack.start(*options)
        try:
            yield stack
        finally:
            with console.status("stopping the stack"):
                await stack.command("down", "--purge", "--yes")


def _build() -> Path:
    HISTORIES.mkdir(parents=True, exist_ok=True)
    return HISTORIES.parent.absolute()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--scenario", nargs="+", choices=list(SCENARIOS), metavar="NAME", help=", ".join(SCENARIOS))
    parser.add_argument("--seconds", type=float, help="how long each fault lasts")
    parser.add_argument("--seed", type=int, help="everything that clients do is drawn from it")
    parser.add_argument("--sabotage", choices=SABOTAGES, help="break the build in this way")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
