"""Consistent hashing: which shards an object belongs on. Pure; nothing here reads a clock or a socket.

The hash never changes, so that every version, machine and language agrees. A place on the ring is
the upper 48 bits of a 64-bit big-endian word:

- a shard's points are the places in BLAKE2b-512("<name>#<block>"), eight words to a block, `POINTS`
  of them for each unit of its weight;
- a key's place is the one in BLAKE2b-64(key);
- the owners of a key are the first distinct shards at or after its place, going round; points that
  coincide are in the order of their shards' names.
"""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import islice

POINTS = 8192
"""Points for a weight of 1. Shares then differ from the ideal by 1.1 % (standard deviation), so all
of 64 equal shards stay within 5 %. A shard takes 135 kB, and 64 of them 0.7 s to build."""

_PER_BLOCK = 8
_RANK = 0xFFFF
"""The bits of a word that hold a shard's rank among the names; the others hold a place."""
_PLACE = ~_RANK
_ARC = 4
"""Points between two marks, at most and on average over the ring: what is left for the bisection."""


class Ring:
    """Built once from shard names and their weights, then never changed."""

    def __init__(self, weights: Mapping[str, int], *, points: int = POINTS) -> None:
        """Takes weights of 1 or more; `points` is for tests, and a multiple of 8."""
        if not weights or min(weights.values()) < 1:
            raise ValueError("a ring needs at least one shard, and weights of 1 or more")
        self._names = tuple(sorted(weights))
        places: list[int] = []
        for rank, name in enumerate(self._names):
            # The place above, the shard's rank below: sorting puts points that coincide in the order of the names.
            places += [word & _PLACE | rank for word in _words(name, weights[name] * points)]
        places.sort()
        self._places = array("Q", places)
        self._pairs, self._pair_at = _pairs([self._names[word & _RANK] for word in places])
        self._shift, self._marks = _marks(self._places)
        self.fingerprint = _fingerprint(weights, points)

    def owners(self, key: str, copies: int) -> tuple[str, ...]:
        """The shards for `copies` copies of a key, best first; all of them when there are fewer."""
        if copies <= 2:
            return self._pairs[self._pair_at[self._step(key)]][:copies]
        return tuple(islice(self.walk(key), copies))

    def _step(self, key: str) -> int:
        """The first point at or after a key's place, as a negative index: counting up from it goes round."""
        word = place(key)
        arc = word >> self._shift
        return bisect_left(self._places, word, self._marks[arc], self._marks[arc + 1]) - len(self._places)

    def shares(self) -> dict[str, float]:
        """Which part of all keys, from 0 to 1, has each shard as its first owner."""
        found = dict.fromkeys(self._names, 0)
        before = self._places[-1] - (1 << 64)  # the last point's arc goes round to the first
        for word in self._places:
            found[self._names[word & _RANK]] += (word & _PLACE) - (before & _PLACE)
            before = word
        return {name: arc / (1 << 64) for name, arc in found.items()}

    def walk(self, key: str) -> Iterator[str]:
        """Every shard once, in the order in which a key would like them."""
        seen: set[str] = set()
        start = self._step(key)
        for step in range(start, start + len(self._places)):
            name = self._pairs[self._pair_at[step]][0]
            if name not in seen:
                yield name
                seen.add(name)
                if len(seen) == len(self._names):
                    return


def place(key: str) -> int:
    """Where a key lies on the ring: a 64-bit word whose lower 16 bits are zero."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) & _PLACE


def _pairs(names: list[str]) -> "tuple[list[tuple[str, ...]], array[int]]":
    """The pairs of a shard and the next other one that there are, going round, and which of them each point's is.

    Hardly anybody keeps more than two copies; up to two owners are found without a walk.
    """
    others = [name for name in dict.fromkeys(names) if name != names[0]]
    pair = (names[0], *others[:1])  # of what follows the last point: the first
    numbers: dict[tuple[str, ...], int] = {}
    number = numbers.setdefault(pair, 0)
    found = array("I")
    for name in reversed(names):
        if name != pair[0]:
            pair = name, pair[0]
            number = numbers.setdefault(pair, len(numbers))
        found.append(number)
    found.reverse()
    return list(numbers), found


def _marks(places: "array[int]") -> "tuple[int, array[int]]":
    """The first point of each of 2^n equal arcs, and the shift that turns a place into the number of its arc.

    Points lie evenly, so a place's arc leaves a handful of them to look at, however many there are in all.
    """
    bits = (len(places) // _ARC).bit_length()
    shift = 64 - bits
    return shift, array("L", [bisect_left(places, arc << shift) for arc in range((1 << bits) + 1)])


def _words(name: str, count: int) -> "array[int]":
    words = array("Q")
    for block in range(count // _PER_BLOCK):
        words.frombytes(blake2b(f"{name}#{block}".encode()).digest())
    if sys.byteorder == "little":
        words.byteswap()
    return words


def _fingerprint(weights: Mapping[str, int], points: int) -> str:
    """Sixteen hexadecimal digits that differ when placements would."""
    text = f"blake2b/{points};" + ";".join(f"{name}={weights[name]}" for name in sorted(weights))
    return blake2b(text.encode(), digest_size=8).hexdigest()
