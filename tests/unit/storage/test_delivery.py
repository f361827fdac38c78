"""Where nginx is sent: the right copy, each once, with a signature that is remembered."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.storage.breaker import Breaker
from infrastructure.storage.config import Bucket, Directory
from infrastructure.storage.delivery import Locator

KEY = "0190a0a0-0000-7000-8000-00000000abcd/original"
SHARDS = (Bucket("a", "s3.test:8333", "one"), Bucket("b", "s3.test:8333", "two"), Directory("d", Path("/d")))


class Desk:
    """A locator with a clock and a pen that counts."""

    def __init__(self, **options):
        self.now = 0.0
        self.signed = 0
        self.failed = []
        self.breakers = {shard.name: Breaker(clock=lambda: self.now) for shard in SHARDS}
        self.locator = Locator(
            {shard.name: shard for shard in SHARDS},
            self.breakers,
            sign=self.sign,
            clock=lambda: self.now,
            on_failed=self.failed.append,
            lifetime=100,
            **options,
        )

    def sign(self, bucket, key):
        self.signed += 1
        return f"{bucket.endpoint}/{bucket.bucket}/{key}?sig={self.signed}"

    def locate(self, *arguments):
        return self.locator.locate(*arguments)


@pytest.fixture
def desk():
    return Desk()


def test_a_bucket_is_fetched_from_with_a_signature(desk):
    """The internal address holds everything nginx needs."""
    assert desk.locate(KEY, ("a", "b")) == f"/_s3/1/s3.test:8333/one/{KEY}?sig=1"


def test_a_directory_is_served_from(desk):
    """By shard and key."""
    assert desk.locate(KEY, ("d", "a")) == f"/_file/1/d/{KEY}"


def test_each_copy_is_tried_once(desk):
    """nginx hands the number of the failed attempt back; after the last there is nothing more to try."""
    assert desk.locate(KEY, ("a", "d", "b"), 1) == f"/_file/12/d/{KEY}"
    assert desk.locate(KEY, ("a", "d", "b"), 12) == f"/_s3/123/s3.test:8333/two/{KEY}?sig=1"
    assert desk.locate(KEY, ("a", "d", "b"), 123) is None


def test_a_failed_attempt_is_told(desk):
    """Of the copy that was tried last."""
    desk.locate(KEY, ("a", "b"))
    desk.locate(KEY, ("a", "b"), 1)
    desk.locate(KEY, ("a", "b"), 12)
    assert desk.failed == ["a", "b"]


def test_healthy_copies_come_first(desk):
    """The one on an avoided shard is the last resort, not no resort."""
    desk.breakers["a"].trip()
    assert desk.locate(KEY, ("a", "d")) == f"/_file/2/d/{KEY}"
    desk.breakers["d"].trip()
    assert desk.locate(KEY, ("a", "d"), 2) == f"/_s3/21/s3.test:8333/one/{KEY}?sig=1"
    assert desk.locate(KEY, ("a", "d"), 21) is None


def test_a_shard_that_recovers_meanwhile_is_not_tried_twice(desk):
    """The attempt says which copies were tried, not how many."""
    desk.breakers["a"].trip()
    first = desk.locate(KEY, ("a", "d"))
    desk.breakers["a"] = Breaker(clock=lambda: 0.0)
    assert first.startswith("/_file/2/")
    assert desk.locate(KEY, ("a", "d"), 2).startswith("/_s3/21/")


def test_copies_on_unknown_shards_are_passed_over(desk):
    """A shard that is no longer configured can't be fetched from."""
    assert desk.locate(KEY, ("gone", "d")) == f"/_file/2/d/{KEY}"
    assert desk.locate(KEY, ("gone",)) is None
    assert desk.locate(KEY, ()) is None
    assert desk.locate(KEY, ("gone",), 1) is None
    assert desk.failed == []


@given(st.integers())
def test_a_strange_number_is_survived(failed):
    """Whatever comes back, the answer is an address or None."""
    located = Desk().locate(KEY, ("a", "d"), failed)
    assert located is None or located.startswith(("/_s3/", "/_file/"))


def test_a_signature_is_remembered_for_half_its_life(desk):
    """Nobody is handed one that is about to run out."""
    for _ in range(3):
        desk.locate(KEY, ("a",))
    desk.now = 49.9
    assert desk.locate(KEY, ("a",)).endswith("sig=1")
    desk.now = 50.0
    assert desk.locate(KEY, ("a",)).endswith("sig=2")
    assert desk.signed == 2


def test_memory_is_bounded_and_keeps_what_is_used():
    """The signature unused for longest makes room."""
    desk = Desk(remembered=2)
    keys = [f"{KEY}{n}" for n in range(3)]
    for key in (keys[0], keys[1], keys[0], keys[2], keys[0]):
        desk.locate(key, ("a",))
    assert desk.signed == 3
    desk.locate(keys[1], ("a",))
    assert desk.signed == 4
    assert len(desk.locator._signed) == 2
