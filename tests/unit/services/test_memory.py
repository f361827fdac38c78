"""Memory is bounded in bytes and in time, and forgets what it is told to."""

from uuid import UUID

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.read.memory import ABSENT_FOR, MAX_ABSENT, OVERHEAD, Memory, prepare
from tests.unit import samples

IDS = [UUID(int=n) for n in range(4)]


class MemoryMachine(RuleBasedStateMachine):
    """Look-ups, events, gaps in the stream and time in any order, beside a model that has no bound."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.memory = Memory(3 * (OVERHEAD + 1500), 10.0, clock=lambda: self.now)
        self.kept = {}
        self.absent = {}

    @rule(image_id=st.sampled_from(IDS), version=st.integers(1, 6))
    def remember(self, image_id, version):
        entry = prepare(samples.image(image_id, version))
        self.memory.remember(entry)
        self.kept[image_id] = (entry, self.now + 10.0)
        self.absent.pop(image_id, None)

    @rule(image_id=st.sampled_from(IDS))
    def remember_absent(self, image_id):
        self.memory.remember_absent(str(image_id))
        self.absent[image_id] = self.now + ABSENT_FOR
        self.kept.pop(image_id, None)

    @rule(image_id=st.sampled_from(IDS))
    def forget(self, image_id):
        self.memory.forget(str(image_id))
        self.kept.pop(image_id, None)
        self.absent.pop(image_id, None)

    @rule()
    def miss_events(self):
        self.memory.clear()
        self.kept.clear()
        self.absent.clear()
        assert len(self.memory) == 0

    @rule(seconds=st.floats(0.1, 6.0))
    def wait(self, seconds):
        self.now += seconds

    @invariant()
    def only_what_was_told_last_is_shown_and_not_for_long(self):
        for image_id in IDS:
            shown = self.memory.get(str(image_id))
            assert shown is self.memory.peek(str(image_id))
            if shown is not None:
                entry, until = self.kept[image_id]
                assert shown is entry
                assert until >= self.now
            assert self.memory.is_absent(str(image_id)) == (self.absent.get(image_id, 0.0) > self.now)

    @invariant()
    def it_stays_within_its_bytes(self):
        entries = [entry for entry, _ in self.memory._entries.values()]
        assert self.memory._bytes == sum(len(entry.body) + OVERHEAD for entry in entries) <= self.memory._max_bytes


MemoryMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestMemory = MemoryMachine.TestCase


def test_ids_that_were_asked_for_in_vain_are_bounded():
    """Whoever asks for invented ids takes no more memory than that."""
    memory = Memory(1000, 10.0, clock=lambda: 0.0)
    for number in range(MAX_ABSENT + 1):
        memory.remember_absent(str(number))
    assert [memory.is_absent(str(number)) for number in (0, 1, MAX_ABSENT)] == [False, True, True]


def test_the_least_recently_used_image_goes_first():
    """A look-up makes an image recent."""
    memory = Memory(2 * (OVERHEAD + 1500), 10.0, clock=lambda: 0.0)
    first, second, third = (prepare(samples.image()) for _ in range(3))
    memory.remember(first)
    memory.remember(second)
    assert memory.get(str(first.image.id)) is first
    memory.remember(third)
    assert memory.get(str(second.image.id)) is None
    assert memory.get(str(first.image.id)) is first


def test_the_prepared_answer_is_the_view_with_the_version_as_its_tag():
    """The bytes are the JSON of the view."""
    entry = prepare(samples.ready_image())
    view = msgspec.json.decode(entry.body)
    assert entry.tag == b'"2"'
    assert view["status"] == "ready"
    assert view["thumbnails"]["medium"] == {
        "url": f"/api/v1/images/{entry.image.id}/thumbnails/medium",
        "width": 300,
        "height": 225,
    }
