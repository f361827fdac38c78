"""Verdicts for people."""

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.chaos.checker import Violation
from tests.chaos.history import History, Outcome
from tests.chaos.run import Verdict

TOLD = 6
"""Violations of one rule that are printed in full; the file has the whole history."""

CAUGHT, MISSED = "[green]caught[/]", "[red]NOT CAUGHT[/]"
"""What becomes of a build that is broken on purpose."""

console = Console(highlight=False, soft_wrap=True)


def tell(verdict: Verdict, kept: Path) -> None:
    """One line; and where something is wrong, the calls that prove it and where the history is."""
    console.print(f"{_word(verdict)}  {verdict.scenario:42} seed {verdict.seed:<8} {_counts(verdict.history)}")
    for remark in verdict.remarks:
        console.print(f"  {remark}", markup=False)
    if verdict.holds:
        return
    if verdict.broken:
        console.print(f"  the scenario could not be played:\n{verdict.broken}", style="yellow", markup=False)
    told: Counter[str] = Counter()
    for violation in verdict.violations:
        told[violation.rule] += 1
        if told[violation.rule] <= TOLD:
            _tell_violation(verdict.history, violation)
    for rule, count in told.items():
        if count > TOLD:
            console.print(f"  {rule}: {count - TOLD} more", markup=False)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(verdict.history.dump())
    console.print(f"  the whole history is in {kept}", markup=False)


def _tell_violation(history: History, violation: Violation) -> None:
    console.print(f"  {violation.rule}  {violation.what}", style="red", markup=False)
    for line in history.lines(list(violation.calls)) if violation.calls else ():
        console.print(f"      {line}", style="dim", markup=False)


def _word(verdict: Verdict) -> str:
    if verdict.broken:
        return "[yellow]broken[/]"
    return "[green]holds [/]" if verdict.holds else "[red]FAILS [/]"


def _counts(history: History) -> str:
    outcomes = Counter(call.outcome for call in history.calls)
    words = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in Outcome)
    return f"{len(history.calls)} calls: {words}"


def table(verdicts: list[Verdict], sabotaged: dict[str, str]) -> None:
    """Everything that ran, in one table. `sabotaged` says of each broken build what became of it."""
    shown = Table(box=None, pad_edge=False, header_style="")
    for title in ("SCENARIO", "SEED", "VERDICT", "VIOLATIONS", "SECONDS"):
        shown.add_column(title)
    for verdict in verdicts:
        rules = Counter(violation.rule for violation in verdict.violations)
        words = ", ".join(f"{count} of {rule}" for rule, count in sorted(rules.items()))
        shown.add_row(verdict.scenario, str(verdict.seed), _word(verdict), words, f"{verdict.seconds:.0f}")
    for name, word in sabotaged.items():
        shown.add_row(f"broken on purpose: {name}", "", word, "", "")
    console.print(shown)
