"""The ring: stable for ever, balanced, and moved as little as possible by a change."""

from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.storage.ring import POINTS, Ring, place

names = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)
rings = st.dictionaries(names, st.integers(1, 3), min_size=1, max_size=8)
keys = st.builds("{}/original".format, st.uuids())
FEW = 64
WHOLE = 1 << 64


def shares(ring):
    """The part of the ring that each shard owns first, measured, not sampled."""
    owned = dict.fromkeys(ring._names, 0)
    places = list(ring._places)
    for before, here in pairwise([places[-1] - WHOLE, *places]):
        owned[ring._names[here & 0xFFFF]] += here - before
    return {name: length / WHOLE for name, length in owned.items()}


def key(number):
    return f"{UUID(int=number)}/original"


def test_places_never_change():
    """Fixed vectors: another place for a key would make every ring disagree with its past."""
    assert place(key(0)) == 0xF301_8534_41A3_0000
    assert place(key(1)) == 0xCF83_E19C_0972_0000


def test_owners_never_change():
    """Fixed vectors: the shipped ring of four shards, one of them twice as large."""
    ring = Ring({"s1": 1, "s2": 1, "s3": 1, "s4": 2})
    assert [ring.owners(key(n), 3) for n in range(6)] == [
        ("s3", "s1", "s4"),
        ("s1", "s4", "s3"),
        ("s2", "s1", "s4"),
        ("s4", "s1", "s3"),
        ("s1", "s2", "s4"),
        ("s4", "s1", "s2"),
    ]
    assert ring.fingerprint == "6498683e8f734800"


@given(rings, keys, st.integers(1, 10))
def test_owners_are_distinct_shards(weights, key, copies):
    """As many different shards as copies are wanted, or all there are."""
    owners = Ring(weights, points=FEW).owners(key, copies)
    assert len(owners) == len(set(owners)) == min(copies, len(weights))
    assert set(owners) <= set(weights)


@given(rings, keys, st.integers(1, 10))
def test_a_walk_begins_with_the_owners_and_meets_everyone_once(weights, key, copies):
    """Whoever skips a shard finds the next best one by walking on."""
    ring = Ring(weights, points=FEW)
    walk = tuple(ring.walk(key))
    assert walk[:copies] == ring.owners(key, copies)
    assert sorted(walk) == sorted(weights)


@given(rings, names, st.integers(1, 3), keys)
def test_a_new_shard_moves_nothing_between_old_ones(weights, name, weight, key):
    """Adding a shard puts it somewhere into a key's order and leaves the others as they were; removing undoes it."""
    without = {other: weights[other] for other in weights if other != name} or {f"{name}x": 1}
    larger = Ring({**without, name: weight}, points=FEW)
    old = [other for other in larger.walk(key) if other != name]
    assert old == list(Ring(without, points=FEW).walk(key))


@given(rings, keys)
def test_the_order_of_configuration_does_not_matter(weights, key):
    """Two processes that list the shards in another order agree."""
    one, other = Ring(weights, points=FEW), Ring(dict(reversed(weights.items())), points=FEW)
    assert tuple(one.walk(key)) == tuple(other.walk(key))
    assert one.fingerprint == other.fingerprint


@pytest.mark.parametrize("count", [4, 7, 16, 33, 64])
@pytest.mark.parametrize("name", ["s{}", "shard-{:03}"])
def test_equal_shards_are_balanced_within_five_percent(count, name):
    """At the shipped number of points no shard has 5 % more or less than its share."""
    for share in shares(Ring({name.format(n): 1 for n in range(count)})).values():
        assert share * count == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("count", [4, 16, 64])
def test_a_new_shard_takes_its_share_and_no_more(count):
    """The keys that move are the new shard's: at most 1.05 of what N shards would each have."""
    grown = shares(Ring({f"s{n}": 1 for n in range(count)}))
    assert grown[f"s{count - 1}"] <= 1.05 / count


def test_a_weight_is_a_share():
    """A shard of weight 3 owns three times what one of weight 1 does."""
    owned = shares(Ring({"small": 1, "large": 3, "middle": 2}))
    assert owned["large"] == pytest.approx(3 / 6, rel=0.05)
    assert owned["middle"] == pytest.approx(2 / 6, rel=0.05)


def test_second_copies_are_balanced_too():
    """What a shard holds as second copies is near its share as well."""
    ring, held = Ring({f"s{n}": 1 for n in range(8)}), dict.fromkeys((f"s{n}" for n in range(8)), 0)
    for number in range(40_000):
        held[ring.owners(key(number), 2)[1]] += 1
    for count in held.values():
        assert count == pytest.approx(40_000 / 8, rel=0.1)


@given(rings, rings)
def test_fingerprints_tell_rings_apart(one, other):
    """Equal fingerprints mean equal rings."""
    assert (Ring(one, points=FEW).fingerprint == Ring(other, points=FEW).fingerprint) == (one == other)


@pytest.mark.parametrize("weights", [{}, {"s1": 0}, {"s1": 1, "s2": -1}])
def test_a_ring_needs_shards_with_weight(weights):
    """Nothing to place on is an error at once."""
    with pytest.raises(ValueError, match="at least one shard"):
        Ring(weights)


def test_the_shipped_number_of_points_is_a_whole_number_of_blocks():
    """A block of the hash gives eight points; the rest of a division would be lost."""
    assert POINTS % 8 == 0
    assert len(Ring({"s1": 2})._places) == 2 * POINTS


def test_shares_are_what_the_shards_get():
    """All of them together are everything, each near its weight."""
    shares = Ring({"a": 1, "b": 1, "c": 2}).shares()
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares == pytest.approx({"a": 0.25, "b": 0.25, "c": 0.5}, rel=0.05)


def test_one_shard_has_everything():
    """Its arcs go all the way round."""
    assert Ring({"a": 1}, points=8).shares() == {"a": pytest.approx(1.0)}
