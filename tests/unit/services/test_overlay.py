"""The overlay and a base that lags are together never older than what was heard, whatever happens in whatever order."""

from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.read.overlay import Entry, Overlay

KEYS = some.sampled_from("abc")
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def entry(version: int, lsn: int, *, is_gone: bool = False, size: int = 1, minute: int = 0) -> Entry[str]:
    value = None if is_gone else f"v{version}"
    return Entry(version, lsn, NOON + timedelta(minutes=minute), value, size)


class World(RuleBasedStateMachine):
    """A primary whose log has a commit at each position, replicas that lag, a stream that does what it likes.

    `log` has (key, version, is gone) at each position; position n means that the first n commits are there. States that
    were read earlier are kept with the position they are as of, as a slow look-up or a cache has them.
    """

    def __init__(self):
        super().__init__()
        self.log: list[tuple[str, int, bool]] = []
        self.replicas = [0, 0]
        self.used = 0
        self.heard: dict[str, tuple[int, bool]] = {}
        self.old: list[tuple[str, tuple[int, bool], int]] = []

    @initialize(max_bytes=some.integers(1, 6), max_settled=some.integers(1, 2))
    def begin_small(self, max_bytes, max_settled):
        self.overlay: Overlay[str, str] = Overlay(max_bytes, max_settled=max_settled)

    def state(self, key: str, position: int) -> tuple[int, bool]:
        """The newest version of a key in the log up to a position, and whether that is gone."""
        versions = [(version, gone) for name, version, gone in self.log[:position] if name == key]
        return versions[-1] if versions else (0, False)

    @rule(key=KEYS, is_gone=some.booleans())
    def commit(self, key, is_gone):
        version, gone = self.state(key, len(self.log))
        if not gone:
            self.log.append((key, version + 1, is_gone))

    @rule(data=some.data())
    def deliver(self, data):
        """The event of any commit comes, for the first time or again, with a position of then or later."""
        if not self.log:
            return
        place = data.draw(some.integers(1, len(self.log)))
        key, version, is_gone = self.log[place - 1]
        lsn = data.draw(some.integers(place, len(self.log)))
        self.overlay.apply(key, entry(version, lsn, is_gone=is_gone, minute=place))
        self.heard[key] = max(self.heard.get(key, (0, False)), (version, is_gone))

    @rule(which=some.integers(0, 1), steps=some.integers(1, 5))
    def replay(self, which, steps):
        self.replicas[which] = min(self.replicas[which] + steps, len(self.log))

    @rule()
    def look(self):
        self.overlay.settle(self.replicas[self.used])

    @rule()
    def move(self):
        """To a replica that may be farther behind."""
        self.used = 1 - self.used
        self.overlay.settle(self.replicas[self.used])

    @rule(key=KEYS)
    def read(self, key):
        """Somebody asks the base and takes his time with the answer."""
        position = self.overlay.position
        self.old.append((key, self.state(key, self.replicas[self.used]), min(position, self.replicas[self.used])))

    @rule()
    def lose_events(self):
        """The stream is lost: what is committed by now may never be heard."""
        self.overlay.doubt()
        self.overlay.begin(len(self.log))

    @invariant()
    def what_is_held_is_the_newest_that_was_heard(self):
        for key, held in self.overlay:
            assert (held.version, held.is_gone) >= self.heard[key]

    @invariant()
    def what_is_as_of_needed_has_what_was_heard(self):
        for key, heard in self.heard.items():
            needed = self.overlay.needed(key)
            for position in range(needed, len(self.log) + 1):
                assert self.state(key, position) >= heard
            for name, state, as_of in self.old:
                assert name != key or as_of < needed or state >= heard

    @invariant()
    def a_complete_list_lacks_nothing_that_is_not_held(self):
        for key, heard in self.heard.items():
            if self.overlay.get(key) is None and self.overlay.complete_from <= len(self.log):
                assert self.state(key, self.overlay.complete_from) >= heard

    @invariant()
    def it_is_bounded(self):
        assert sum(held.size for _, held in self.overlay) <= self.overlay._max_bytes
        assert len(self.overlay._settled) <= self.overlay._max_settled


World.TestCase.settings = settings(max_examples=100, stateful_step_count=40)
test_the_world = World.TestCase


def test_a_change_is_held_until_the_base_has_it():
    """Not shorter, and not longer."""
    overlay: Overlay[str, str] = Overlay(100)
    overlay.apply("a", entry(1, 10))
    overlay.settle(9)
    assert (overlay.get("a"), overlay.needed("a"), len(overlay)) == (entry(1, 10), 10, 1)
    overlay.settle(10)
    assert (overlay.get("a"), overlay.needed("a"), overlay.complete_from, len(overlay)) == (None, 10, 10, 0)


def test_a_change_that_the_base_has_already_is_only_noted():
    """It needs no room, and what was read before it is known to be old."""
    overlay: Overlay[str, str] = Overlay(100)
    overlay.settle(50)
    overlay.apply("a", entry(1, 10))
    assert (overlay.get("a"), overlay.needed("a"), overlay.needed("b")) == (None, 10, 0)


def test_what_is_gone_stays_gone():
    """No version comes after it, however new its position seems."""
    overlay: Overlay[str, str] = Overlay(100)
    overlay.apply("a", entry(3, 10, is_gone=True))
    overlay.apply("a", entry(4, 11))
    held = overlay.get("a")
    assert held is not None
    assert held.is_gone


def test_without_room_the_oldest_change_is_left_to_a_base_that_has_it():
    """What was heard of it isn't forgotten: until then the base is not enough, neither for it nor for a list."""
    overlay: Overlay[str, str] = Overlay(10)
    for n, key in enumerate("abc", 1):
        overlay.apply(key, entry(1, 10 * n, size=4))
    assert [key for key, _ in overlay] == ["b", "c"]
    assert (overlay.evicted, overlay.needed("a"), overlay.complete_from) == (1, 10, 10)


def test_a_base_that_is_farther_behind_needs_what_another_one_had():
    """After a move, what had been dropped is known to be missing, and is taken again when it comes again."""
    overlay: Overlay[str, str] = Overlay(100)
    overlay.apply("a", entry(1, 10))
    overlay.settle(20)
    overlay.settle(5)
    assert (overlay.get("a"), overlay.needed("a"), overlay.complete_from) == (None, 10, 10)
    overlay.apply("a", entry(1, 10))
    assert overlay.get("a") == entry(1, 10)


def test_an_old_change_with_a_new_position_is_not_believed_for_what_it_says():
    """A newer one may have come and been forgotten: the base has to tell; a deletion is believed at any age."""
    overlay: Overlay[str, str] = Overlay(100, max_settled=1)
    overlay.settle(20)
    overlay.apply("a", entry(2, 10, minute=10))
    overlay.apply("b", entry(1, 11, minute=11))
    overlay.apply("a", entry(1, 30, minute=1))
    overlay.apply("c", entry(2, 31, minute=1, is_gone=True))
    overlay.apply("d", entry(1, 32, minute=12))
    assert [key for key, _ in overlay] == ["c", "d"]
    assert (overlay.needed("a"), overlay.needed("b")) == (30, 11)
    assert overlay.needed("never heard of") == 11


def test_after_a_loss_only_deletions_and_the_base_are_believed():
    """Everything else may have changed unheard."""
    overlay: Overlay[str, str] = Overlay(100)
    overlay.apply("a", entry(1, 10))
    overlay.apply("b", entry(1, 11, is_gone=True))
    overlay.doubt()
    overlay.begin(40)
    assert [key for key, _ in overlay] == ["b"]
    assert [overlay.needed(key) for key in "abc"] == [40, 40, 40]
    assert overlay.complete_from == 40


def test_an_old_change_that_comes_after_a_newer_one_was_forgotten_takes_nothing_back():
    """The newer one's position is in the floor, below which no state of its subject is believed."""
    overlay: Overlay[str, str] = Overlay(100, max_settled=1)
    overlay.settle(30)
    overlay.apply("a", entry(2, 20, minute=2))
    overlay.apply("b", entry(1, 21, minute=3))
    overlay.apply("a", entry(1, 10, minute=1))
    assert overlay.needed("a") == 20
