"""The ring: how long a look-up takes beside uhashring's, how even it is, and what another shard moves.

Without the system; takes about a minute, most of it ten million keys on a thousand shards, in a process for each core.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from statistics import median
from uuid import UUID

from uhashring import HashRing

from infrastructure.storage.ring import Ring
from tests.bench.figures import Figure
from tests.bench.spoilt import Spoilt
from tests.bench.stats import Spread, ratio

LOOKUP = 2e-6
"""Seconds that a look-up may take."""

EVEN, MOVED = 1.05, 1.05
"""What the fullest shard may have, and another shard may move, over the ideal."""

KEYS = 50_000
SHARDS, MANY = 1000, 10_000_000


def measure(many: int = MANY) -> list[Figure]:
    """The look-up, evenness, growth, and a large ring. Raises `Spoilt` when a key moves between old shards."""
    return [*_look_up(), _evenness(), _growth(), _thousand(many)]


def _keys(count: int, salt: int = 0) -> list[str]:
    return [f"{UUID(int=(salt << 64) + number * 0x9E3779B97F4A7C15 % (1 << 64))}/original" for number in range(count)]


def _look_up() -> list[Figure]:
    names = {f"shard-{number}": 1 for number in range(16)}
    ring, other = Ring(names), HashRing(nodes=list(names))
    keys = _keys(KEYS)
    ours, theirs = _times(keys, lambda key: ring.owners(key, 2), lambda key: tuple(other.range(key, 2)))
    one, their_one = map(median, _times(keys, lambda key: ring.owners(key, 1), other.get_node))
    return [
        Figure(
            name="Ring, look-up of two owners",
            against=f"{1e6 * LOOKUP:.0f} µs of CPU; it takes {1e6 * median(ours):.2f}",
            ratio=ratio([LOOKUP] * len(ours), ours),
            target=1.0,
        ),
        Figure(
            name="Ring, look-up of two owners",
            against=f"uhashring, which takes {1e6 * median(theirs):.2f} µs",
            ratio=ratio(theirs, ours),
            target=1.0,
            remarks=(f"One owner: ours {1e6 * one:.2f} µs, uhashring {1e6 * their_one:.2f} µs.",),
        ),
    ]


def _times(keys: Sequence[str], *look_ups: Callable[[str], object]) -> list[list[float]]:
    """Seconds of CPU for one look-up of each kind, in five rounds after one that doesn't count; they take turns."""
    found: list[list[float]] = [[] for _ in look_ups]
    for _ in range(6):
        for look_up, times in zip(look_ups, found, strict=True):
            began = time.process_time()
            for key in keys:
                look_up(key)
            times.append((time.process_time() - began) / len(keys))
    return [times[1:] for times in found]


def _evenness() -> Figure:
    worst = {count: _worst(Ring({f"shard-{number}": 1 for number in range(count)})) for count in (4, 8, 16, 32, 64)}
    other = HashRing(nodes=[f"shard-{number}" for number in range(64)])
    counts = Counter(other.get_node(key) for key in _keys(KEYS))
    told = ", ".join(f"{count}: {100 * (share - 1):.1f} %" for count, share in worst.items())
    return _one(
        "Ring, evenness of 4 to 64 shards",
        f"{EVEN} of the ideal on the fullest shard; uhashring's has {max(counts.values()) * 64 / KEYS:.2f}",
        EVEN / max(worst.values()),
        f"The fullest of so many equal shards has over its share: {told}.",
    )


def _worst(ring: Ring) -> float:
    shares = ring.shares()
    return max(shares.values()) * len(shares)


def _growth() -> Figure:
    keys = _keys(4 * KEYS, salt=1)
    moved = {count: _moved(count, keys) for count in (4, 16, 63)}
    told = ", ".join(f"{count + 1}th shard: {share:.3f}" for count, share in moved.items())
    return _one(
        "Ring, keys that another shard moves",
        f"{MOVED} / N",
        MOVED / max(moved.values()),
        f"Moved, as a share of 1 / N: {told}. None moved between old shards.",
    )


def _moved(count: int, keys: Sequence[str]) -> float:
    names = [f"shard-{number}" for number in range(count + 1)]
    before, after = Ring(dict.fromkeys(names[:-1], 1)), Ring(dict.fromkeys(names, 1))
    changed = 0
    for key in keys:
        old, new = before.owners(key, 1), after.owners(key, 1)
        if old != new:
            changed += 1
            if new != (names[-1],):
                raise Spoilt(f"{key} moved from {old} to {new}, which is no new shard")
    return changed / len(keys) * (count + 1)


def _thousand(many: int) -> Figure:
    """Where the keys come to lie on a thousand shards, counted, and what the ring's arcs promise."""
    began = time.perf_counter()
    ring = Ring({f"shard-{number}": 1 for number in range(SHARDS)})
    built = time.perf_counter() - began
    cores = os.cpu_count() or 1
    began = time.perf_counter()
    with ProcessPoolExecutor(cores) as processes:
        parts = processes.map(partial(_first_owners, ring), [range(core, many, cores) for core in range(cores)])
        counts = sum(parts, Counter[str]())
    looked = time.perf_counter() - began
    fullest = max(counts.values()) * SHARDS / many
    return _one(
        f"Ring, {SHARDS:,} shards and {many:,} keys",
        f"{EVEN} of the ideal on the fullest shard",
        EVEN / _worst(ring),
        f"Built in {built:.0f} s, all looked up in {looked:.0f} s; the fullest got {fullest:.3f} of its share.",
    )


def _first_owners(ring: Ring, numbers: range) -> Counter[str]:
    return Counter(ring.owners(f"{number:036x}/original", 1)[0] for number in numbers)


def _one(name: str, against: str, value: float, remark: str) -> Figure:
    return Figure(name=name, against=against, ratio=Spread(value, value, value), target=1.0, remarks=(remark,))
