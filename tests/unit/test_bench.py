"""The benchmarks' arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.figures import Figure
from tests.bench.rounds import Pair, Sample, alternate
from tests.bench.stats import Spread, percentile, ratio, spread

numbers = st.lists(st.floats(0.001, 1e6), min_size=1)


def sample(rate: float, **cpu: float) -> Sample:
    return Sample(answered=1, rate=rate, cpu=cpu, p50=0.001, p99=0.002)


def figure(ratio: float, target: float | None) -> Figure:
    return Figure(name="x", against="y", ratio=Spread(ratio, ratio, ratio), target=target)


@given(numbers, st.floats(0, 1))
def test_a_percentile_lies_between_the_least_and_the_most(values, share):
    """A percentile is never outside what was measured."""
    assert min(values) <= percentile(values, share) <= max(values) * (1 + 1e-12)


def test_a_percentile_lies_between_its_neighbours():
    """Between two values a percentile is interpolated."""
    assert percentile([4.0, 1.0, 2.0, 3.0], 0.5) == 2.5


def test_nothing_has_no_percentile():
    """No values are an error, not a zero."""
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


@given(numbers)
def test_a_spread_is_in_order(values):
    """The quartiles stand on either side of the median."""
    found = spread(values)
    assert found.low <= found.median * (1 + 1e-12)
    assert found.median <= found.high * (1 + 1e-12)


def test_a_ratio_is_taken_within_each_pair():
    """Noise that slows both sides of a pair alike leaves the ratio as it is."""
    assert ratio([8.0, 4.0, 0.8], [10.0, 5.0, 1.0]).median == pytest.approx(0.8)


def test_a_ratio_needs_as_many_rounds_of_both():
    """A round without its partner is an error."""
    with pytest.raises(ValueError, match="shorter"):
        ratio([1.0, 2.0], [1.0])


def test_the_dearest_process_is_the_limit():
    """With a core for each process, the one that computes most per answer decides."""
    assert sample(1.0, nginx=0.0001, read=0.0002).capacity == pytest.approx(5_000)


def test_sides_take_turns_and_the_first_round_does_not_count():
    """Both sides are warmed up, then measured in pairs whose order changes."""
    told: list[str] = []

    def side(name: str) -> Sample:
        told.append(name)
        return sample(len(told), server=0.001)

    pair = alternate(lambda: side("ours"), lambda: side("bare"), rounds=2, done=lambda: told.append("|"))
    assert told == ["bare", "ours", "bare", "ours", "|", "ours", "bare", "|"]
    assert pair == Pair(
        [sample(4, server=0.001), sample(6, server=0.001)], [sample(3, server=0.001), sample(7, server=0.001)]
    )


@pytest.mark.parametrize(("reached", "target", "missed"), [(0.69, 0.7, True), (0.696, 0.7, False), (0.1, None, False)])
def test_a_target_is_missed_below_it(reached, target, missed):
    """What counts is the number that is shown; without a target nothing is missed."""
    assert figure(reached, target).is_missed is missed
