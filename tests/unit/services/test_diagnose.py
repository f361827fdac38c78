"""What is wrong with an image is said in sentences, and nothing is said of what is right."""

import hashlib
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from contracts.errors import ObjectMissing, Unavailable
from contracts.images import Derivative, Failure, Status
from services.worker.diagnose import LATE, Copy, findings, look_at_copies
from tests.events import make_image

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
BYTES = b"picture"


class Shard:
    """A shard with some objects, or one that does not answer."""

    def __init__(self, objects=None):
        self.objects = objects

    async def head(self, key):
        if self.objects is None:
            raise Unavailable
        return len(self.objects[key]) if key in self.objects else None

    async def get(self, key):
        if key not in self.objects:
            raise ObjectMissing
        return self.objects[key]


class Ring:
    """Wants everything on the same shards."""

    def __init__(self, *names):
        self.names = names

    def owners(self, _key, copies):
        return self.names[:copies]


def image(**fields):
    found = make_image(created_at=NOW, status=Status.READY, **fields)
    blob = replace(found.blob, size=len(BYTES), sha256=hashlib.sha256(BYTES).hexdigest(), placement=("one", "two"))
    return replace(found, blob=blob)


async def states(of, shards, ring=("one", "two"), **options):
    copies = await look_at_copies(of, shards=shards, ring=Ring(*ring), copies=2, **options)
    return {(copy.key.partition("/")[2], copy.shard): copy.state for copy in copies}


async def test_each_copy_is_looked_at():
    """There, missing, of another size, or on a shard that does not say or is not known."""
    of = image()
    derivative = Derivative("small", "image/webp", f"{of.blob.id}/small.webp", 1, 1, 3, ("three", "four"))
    of = replace(of, blob=replace(of.blob, derivatives=(derivative,)))
    shards = {
        "one": Shard({of.blob.key: BYTES}),
        "two": Shard({of.blob.key: BYTES[:2], derivative.key: b"???"}),
        "three": Shard(),
    }
    assert await states(of, shards) == {
        ("original", "one"): "there",
        ("original", "two"): "wrong",
        ("small.webp", "one"): "missing",
        ("small.webp", "two"): "there",
        ("small.webp", "three"): "unknown",
        ("small.webp", "four"): "unknown",
    }


async def test_bytes_are_compared_when_asked():
    """A size alone proves little."""
    of = image()
    shards = {"one": Shard({of.blob.key: BYTES}), "two": Shard({of.blob.key: BYTES[::-1]})}
    assert set((await states(of, shards)).values()) == {"there"}
    digest = {"digest": lambda data: hashlib.sha256(data).hexdigest()}
    assert await states(of, shards, **digest) == {("original", "one"): "there", ("original", "two"): "wrong"}


async def test_a_copy_that_goes_while_it_is_looked_at_is_missing(monkeypatch):
    """Between its size and its bytes."""
    of = image()
    shard = Shard({})

    async def head(_):
        return len(BYTES)

    monkeypatch.setattr(shard, "head", head)
    found = await states(of, {"one": shard}, ring=("one",), digest=str)
    assert found["original", "one"] == "missing"


def copies_of(of, *states_, wanted=True):
    return [Copy(of.blob.key, f"s{n}", state, 7, True, wanted) for n, state in enumerate(states_)]


def said(of, *, copies=None, events=(), quarantined=(), replicas=(), readers=None):
    found = copies_of(of, "there", "there") if copies is None else copies
    return findings(
        of,
        now=NOW,
        copies=found,
        events=events,
        quarantined=quarantined,
        replicas=replicas,
        readers=readers or {},
    )


def test_of_what_is_right_nothing_is_said():
    """An image that is ready, or so young that it may still be in the works."""
    assert said(image()) == []
    assert said(replace(image(), status=Status.PROCESSING)) == []
    assert said(replace(image(), deleted_at=NOW)) == []


LONG_AGO = NOW - 2 * LATE
EVENT = SimpleNamespace(type="image.uploaded.v1", created_at=LONG_AGO, published_at=None)
CASES = {
    "processed for 4 min": (lambda: replace(image(), status=Status.PROCESSING, created_at=LONG_AGO), {}),
    "deleted 4 min ago": (lambda: replace(image(), deleted_at=LONG_AGO), {}),
    "over for 4 min": (lambda: replace(image(), expires_at=LONG_AGO), {}),
    "deleted 3 h ago": (lambda: replace(image(), deleted_at=NOW - timedelta(hours=3)), {}),
    "no thumbnails: X": (lambda: replace(image(), status=Status.FAILED, failure=Failure("X", "no")), {}),
    "waited in the outbox": (image, {"events": [EVENT]}),
    "given up": (image, {"quarantined": [object()]}),
    "replica r does not answer: gone": (
        image,
        {"replicas": [SimpleNamespace(name="r", version=None, problem="gone")]},
    ),
    "r doesn't know the image yet": (image, {"replicas": [SimpleNamespace(name="r", version=None, problem=None)]}),
    "r has version 7": (image, {"replicas": [SimpleNamespace(name="r", version=7, problem=None)]}),
    "read service read-1: hangs": (image, {"readers": {"read-1": "hangs"}}),
}


@pytest.mark.parametrize("sentence", CASES)
def test_what_is_wrong_is_said(sentence):
    """In one sentence."""
    make, options = CASES[sentence]
    (found,) = said(make(), **options)
    assert sentence in found


def test_copies_are_counted():
    """Where they are recorded; that the ring wants them elsewhere is another matter."""
    of = image()
    assert "1 of 2 copies" in said(of, copies=copies_of(of, "there", "missing"))[0]
    elsewhere = [*copies_of(of, "there", "there"), Copy(of.blob.key, "s9", "missing", None, False, True)]
    assert "where the ring wants it" in said(of, copies=elsewhere)[0]
