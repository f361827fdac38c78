from uuid import UUID

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.read.memory import OVERHEAD, Memory, prepare
from tests.unit import samples

IDS = [UUID(int=n) for n in range(4)]


class MemoryMachine(RuleBasedStateMachine):
    """Look-ups, events and gaps in the stream in any order, beside a model that remembers what it was told."""

    def __init__(self):
        super().__init__()
        self.memory = Memory(3 * (OVERHEAD + 1500))
        self.told = dict.fromkeys(IDS, 0)

    @rule(image_id=st.sampled_from(IDS), version=st.integers(1, 6))
    def remember_what_a_base_says(self, image_id, version):
        self.memory.remember(prepare(samples.image(image_id, version)))

    @rule(image_id=st.sampled_from(IDS), version=st.integers(1, 6))
    def hear_an_event(self, image_id, version):
        self.memory.forget(str(image_id), version)
        self.told[image_id] = max(self.told[image_id], version)

    @rule()
    def miss_events(self):
        self.memory.clear()
        assert len(self.memory) == 0

    @invariant()
    def nothing_older_than_an_event_is_ever_shown(self):
        for image_id in IDS:
            entry = self.memory.get(str(image_id))
            assert entry is None or entry.image.version >= self.told[image_id]

    @invariant()
    def it_stays_within_its_bytes(self):
        entries = self.memory._entries.values()
        assert self.memory._bytes == sum(len(entry.body) + OVERHEAD for entry in entries) <= self.memory._max_bytes


MemoryMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestMemory = MemoryMachine.TestCase


def test_the_least_recently_used_image_goes_first():
    """A look-up makes an image recent."""
    memory = Memory(2 * (OVERHEAD + 1500))
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
