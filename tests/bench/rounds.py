"""Two things measured in turn, so that whatever else the machine does hits both."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median

import msgspec

from tests.bench.load import Load, generate
from tests.bench.machine import cpu_seconds
from tests.bench.stats import Spread, ratio, spread

BUSY = 0.9
"""Share of its core above which the load generator may have been the limit."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One round of one side. `cpu` is seconds per answer by process, the rest as in `Heard`."""

    answered: int
    rate: float
    cpu: dict[str, float]
    p50: float
    p99: float
    busy: float = 0.0

    @property
    def capacity(self) -> float:
        """Answers per second if every process had a core for itself: its dearest process is the limit."""
        return 1 / max(self.cpu.values())


class Pair(msgspec.Struct, frozen=True):
    """All rounds of both sides, in the order in which they were run."""

    ours: list[Sample]
    baseline: list[Sample]

    @property
    def by_rate(self) -> Spread:
        """How many answers ours gave for one of the baseline's, by the clock."""
        return ratio([sample.rate for sample in self.ours], [sample.rate for sample in self.baseline])

    @property
    def by_capacity(self) -> Spread:
        """The same for what a core per process can give, by the processes' CPU time."""
        return ratio([sample.capacity for sample in self.ours], [sample.capacity for sample in self.baseline])

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader must know before believing the rates."""
        busiest = max(sample.busy for sample in (*self.ours, *self.baseline))
        return (f"The load generator was busy {busiest:.0%} of a round: it may have been the limit.",) * (
            busiest > BUSY
        )


class Summary(msgspec.Struct, frozen=True):
    """The rounds of one side in one line; CPU in seconds per answer, times in seconds."""

    rate: Spread
    cpu: dict[str, float]
    p50: float
    p99: float


def summary(samples: Sequence[Sample]) -> Summary:
    """Medians over rounds, and the spread of the rate."""
    return Summary(
        rate=spread([sample.rate for sample in samples]),
        cpu={name: median(sample.cpu[name] for sample in samples) for name in samples[0].cpu},
        p50=median(sample.p50 for sample in samples),
        p99=median(sample.p99 for sample in samples),
    )


def alternate(
    ours: Callable[[], Sample], baseline: Callable[[], Sample], *, rounds: int, done: Callable[[], None]
) -> Pair:
    """Runs both `rounds` times, after one round of each that doesn't count.

    Who goes first changes from pair to pair, so that a drift favours nobody. `done` is called after each pair.
    """
    baseline()
    ours()
    pair = Pair([], [])
    for number in range(rounds):
        if number % 2:
            pair.ours.append(ours())
            pair.baseline.append(baseline())
        else:
            pair.baseline.append(baseline())
            pair.ours.append(ours())
        done()
    return pair


def loaded(load: Load, processes: Mapping[str, Sequence[int]]) -> Sample:
    """Runs a load and sees what CPU time the answering processes took for it; `processes` are pids by name."""
    before = {name: cpu_seconds(pids) for name, pids in processes.items()}
    heard = generate(load)
    return Sample(
        answered=heard.answered,
        rate=heard.rate,
        cpu={name: (cpu_seconds(pids) - before[name]) / heard.answered for name, pids in processes.items()},
        p50=heard.p50,
        p99=heard.p99,
        busy=heard.busy,
    )
