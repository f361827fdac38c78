"""Objects with copies: what a shard does wrong is made up for by the others."""

import asyncio
import hashlib
import os
import tempfile
import time
from contextlib import contextmanager
from uuid import uuid4

import pytest

from contracts.errors import ObjectMissing, Unavailable
from infrastructure.storage.breaker import State
from infrastructure.storage.open import open_storage
from infrastructure.telemetry import metrics
from tests.component.storage.conftest import IMPATIENT, PATIENT, UNHURRIED
from tests.eventually import becomes, eventually

DATA = os.urandom(300_000)
TRUE = hashlib.sha256(DATA).hexdigest()
JPEG = "image/jpeg"
SHARDS = {"s1", "s2", "s3", "s4"}


@pytest.fixture
async def storage(cluster):
    """Two copies on four shards, both needed. No shard is slow, however busy the machine."""
    async with cluster.open(patience=PATIENT) as storage:
        yield storage


@pytest.fixture
async def impatient(cluster):
    """The same, but nobody waits long for the slow."""
    async with cluster.open(patience=IMPATIENT) as storage:
        yield storage


def key_on(storage, *names):
    """A key whose first owners are these shards, in this order."""
    while True:
        key = f"{uuid4()}/original"
        if storage.ring.owners(key, len(names)) == names:
            return key


@contextmanager
def written_down(breaker, changes):
    """Writes the changes of a breaker down."""
    on_change = breaker._on_change
    breaker._on_change = lambda state: (changes.append(state), on_change(state))
    yield
    breaker._on_change = on_change


def state(storage, name):
    return storage._fleet.breakers[name].state


async def test_every_copy_is_where_the_placement_says(storage, cluster):
    """On as many shards as there are to be copies, chosen by the ring, whole."""
    key = key_on(storage, "s3", "s1")
    assert await storage.objects.put(key, DATA, JPEG) == ("s3", "s1")
    assert await cluster.copies(key) == {"s3", "s1"}
    assert await cluster.copy("s1", key) == await cluster.copy("s3", key) == DATA


async def test_a_file_is_read_for_all_copies_at_once(storage, cluster, key):
    """From its beginning, wherever it was read to."""
    with tempfile.TemporaryFile() as file:
        file.write(DATA)
        placement = await storage.objects.put(key, file, JPEG)
        assert file.tell() == len(DATA)
    assert [await cluster.copy(name, key) for name in placement] == [DATA, DATA]


async def test_a_single_copy_is_confirmed_by_its_shard(storage, cluster, key):
    """With the checksum of what it stored; where the checksum is of other bytes, or is none, nothing is confirmed."""
    for data in (b"few", DATA):
        assert await storage.copies.write(key, "s1", data, JPEG)
    for tag in (b'ETag: "00000000000000000000000000000000"\r\n', b""):
        cluster.proxies["s1"].answer(b"HTTP/1.1 200 OK\r\n" + tag + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        assert not await storage.copies.write(key, "s1", b"few", JPEG)


async def test_an_upload_goes_on_without_a_shard_that_is_down(storage, cluster):
    """The next shard of the ring takes the copy, and the placement says so."""
    await cluster.proxies["s1"].refuse()
    key = key_on(storage, "s1", "s2")
    placement = await storage.objects.put(key, DATA, JPEG)
    assert len(placement) == 2
    assert "s1" not in placement
    assert await cluster.copies(key) == set(placement)


async def test_an_upload_goes_on_beside_a_shard_that_hangs(impatient, cluster):
    """It is overtaken after a moment's patience, well before its deadline."""
    cluster.proxies["s1"].hang()
    key = key_on(impatient, "s1", "s2")
    began = time.monotonic()
    placement = await impatient.objects.put(key, DATA, JPEG)
    assert set(placement) <= SHARDS - {"s1"}
    assert len(placement) >= 2
    assert time.monotonic() - began < UNHURRIED.put


async def test_an_upload_goes_on_beside_a_slow_shard(impatient, cluster):
    """At a kilobyte a second it would take minutes."""
    cluster.proxies["s2"].slow_down(1000)
    placement = await impatient.objects.put(key_on(impatient, "s2"), DATA, JPEG)
    assert set(placement) <= SHARDS - {"s2"}


async def test_an_upload_goes_on_beside_a_shard_that_answers_503(storage, cluster):
    """A busy shard is passed over as one that is down."""
    cluster.proxies["s1"].answer(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    assert "s1" not in await storage.objects.put(key_on(storage, "s1"), DATA, JPEG)


async def test_too_few_shards_for_the_quorum_is_unavailable(storage, cluster):
    """What could be written stays for the sweep."""
    for name in ("s1", "s2", "s3"):
        await cluster.proxies[name].refuse()
    key = f"{uuid4()}/original"
    with pytest.raises(Unavailable):
        await storage.objects.put(key, DATA, JPEG)
    assert await cluster.copies(key) == {"s4"}


async def test_a_smaller_quorum_is_content_with_fewer_copies(cluster, key):
    """And says how many there are."""
    async with cluster.open(write_quorum=1, patience=IMPATIENT) as storage:
        for name in ("s1", "s2"):
            await cluster.proxies[name].refuse()
        cluster.proxies["s3"].hang()
        assert await storage.objects.put(key, DATA, JPEG) == ("s4",)


async def test_a_shard_that_keeps_failing_is_avoided(storage, cluster):
    """After a few failures it is not even asked, and the metric says so; the others are in use."""
    await cluster.proxies["s1"].refuse()
    await comes_to_be_avoided(storage, "s1")
    assert metrics.registry.get_sample_value("shard_state", {"shard": "s1"}) == 0
    assert metrics.registry.get_sample_value("shard_state", {"shard": "s2"}) == 1
    assert {state(storage, name) for name in SHARDS - {"s1"}} == {State.CLOSED}


async def comes_to_be_avoided(storage, name):
    """Puts one object after the other where a shard should have a copy of each, until it isn't asked any more."""

    async def is_avoided():
        await storage.objects.put(key_on(storage, name), DATA, JPEG)
        assert state(storage, name) is not State.CLOSED

    await eventually(is_avoided)


async def test_a_shard_that_hangs_is_avoided_too(impatient, cluster):
    """Being overtaken counts as failing; then uploads are quick again."""
    cluster.proxies["s1"].hang()
    impatient.objects._on_slow = lambda _: None  # nobody asks the shard how it is, so only that can be the reason
    await comes_to_be_avoided(impatient, "s1")
    before = cluster.proxies["s1"].connections
    impatient.objects._patience = PATIENT
    assert "s1" not in await impatient.objects.put(key_on(impatient, "s1"), DATA, JPEG)
    assert cluster.proxies["s1"].connections <= before + 1  # at most the watch's own probe


async def test_one_slow_call_makes_us_ask_the_shard(impatient, cluster):
    """Without waiting for more calls to be slow: a shard that doesn't answer a ping either is avoided."""
    cluster.proxies["s1"].hang()
    await impatient.objects.put(key_on(impatient, "s1"), DATA, JPEG)
    await becomes(lambda: state(impatient, "s1") is State.CLOSED, wanted=False)


async def test_a_shard_that_returns_is_used_again(storage, cluster):
    """A probe finds out, without an upload having to."""
    await cluster.proxies["s1"].refuse()
    storage._fleet.breakers["s1"].trip()
    assert "s1" not in await storage.objects.put(key_on(storage, "s1"), DATA, JPEG)
    await cluster.proxies["s1"].start()
    await becomes(lambda: state(storage, "s1"), State.CLOSED)
    assert (await storage.objects.put(key_on(storage, "s1"), DATA, JPEG))[0] == "s1"
    assert metrics.registry.get_sample_value("shard_state", {"shard": "s1"}) == 1


async def test_a_shard_that_stays_away_is_not_used(storage, cluster, caplog):
    """Probe after probe fails, and it is avoided on; the log says so once."""
    await cluster.proxies["s1"].refuse()
    breaker, changes = storage._fleet.breakers["s1"], []
    with written_down(breaker, changes):
        breaker.trip()
        await becomes(lambda: changes[:4], [State.OPEN, State.HALF_OPEN, State.OPEN, State.HALF_OPEN])
    assert [record.message for record in caplog.records].count("shard s1 is avoided") == 1


async def test_a_caller_that_goes_away_blames_nobody(storage, cluster):
    """A client that disconnects during its upload says nothing about shards."""
    cluster.proxies["s1"].hang()
    for _ in range(6):
        putting = asyncio.ensure_future(storage.objects.put(key_on(storage, "s1"), DATA, JPEG))
        await asyncio.sleep(0.01)
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting
    assert state(storage, "s1") is State.CLOSED


async def test_when_all_shards_are_avoided_the_answer_is_quick(storage):
    """Nobody waits for what is known to fail."""
    for breaker in storage._fleet.breakers.values():
        breaker.trip()
    assert not storage.objects.is_writable
    with pytest.raises(Unavailable):
        await storage.objects.put(f"{uuid4()}/original", DATA, JPEG)
    with pytest.raises(Unavailable):
        await storage.objects.get(f"{uuid4()}/original", ("s1", "s2"))


async def test_a_read_takes_the_next_copy_when_a_shard_is_down(storage, cluster):
    """The caller does not notice."""
    key = key_on(storage, "s1", "s2")
    placement = await storage.objects.put(key, DATA, JPEG)
    await cluster.proxies["s1"].refuse()
    assert await storage.objects.get(key, placement, sha256=TRUE) == DATA


async def test_a_read_does_not_wait_for_a_shard_that_hangs(impatient, cluster):
    """The next copy is asked beside it after a moment, far from the deadline."""
    key = key_on(impatient, "s1", "s2")
    placement = await impatient.objects.put(key, DATA, JPEG)
    cluster.proxies["s1"].hang()
    began = time.monotonic()
    assert await impatient.objects.get(key, placement) == DATA
    assert time.monotonic() - began < UNHURRIED.get


BAD = {"absent": None, "short": DATA[:-1], "altered": bytes([DATA[0] ^ 1]) + DATA[1:], "empty": b""}


@pytest.mark.parametrize("damage", BAD)
async def test_a_bad_copy_is_never_returned(storage, cluster, damage):
    """The next copy is, and the shard is not blamed."""
    key = key_on(storage, "s1", "s2")
    placement = await storage.objects.put(key, DATA, JPEG)
    await cluster.overwrite("s1", key, BAD[damage])
    for _ in range(6):
        assert await storage.objects.get(key, placement, sha256=TRUE) == DATA
    assert state(storage, "s1") is State.CLOSED


async def test_with_no_good_copy_left_the_object_is_missing(storage, cluster, key):
    """Which is another thing than not being able to ask."""
    first, second = placement = await storage.objects.put(key, DATA, JPEG)
    await cluster.overwrite(first, key, None)
    await cluster.overwrite(second, key, b"something else")
    with pytest.raises(ObjectMissing):
        await storage.objects.get(key, placement, sha256=TRUE)


async def test_a_copy_that_can_not_be_asked_is_not_missing(storage, cluster, key):
    """As long as one may still have the bytes nothing is lost."""
    first, second = placement = await storage.objects.put(key, DATA, JPEG)
    await cluster.overwrite(first, key, None)
    await cluster.proxies[second].refuse()
    with pytest.raises(Unavailable) as caught:
        await storage.objects.get(key, placement)
    assert not isinstance(caught.value, ObjectMissing)


async def test_a_shard_that_is_not_configured_is_not_missing_either(storage, key):
    """Its copy may be good; it only can't be reached."""
    with pytest.raises(Unavailable) as caught:
        await storage.objects.get(key, ("gone",))
    assert not isinstance(caught.value, ObjectMissing)
    with pytest.raises(Unavailable):
        await storage.objects.delete(key, ("gone",))


async def test_a_delete_removes_every_copy(storage, cluster, key):
    """And may be repeated."""
    placement = await storage.objects.put(key, DATA, JPEG)
    await storage.objects.delete(key, placement)
    assert await cluster.copies(key) == set()
    await storage.objects.delete(key, placement)


async def test_a_delete_that_can_not_reach_a_copy_is_not_done(storage, cluster, key):
    """The others are removed; repeated when the shard is back, it is."""
    first, second = placement = await storage.objects.put(key, DATA, JPEG)
    await cluster.proxies[first].refuse()
    with pytest.raises(Unavailable):
        await storage.objects.delete(key, placement)
    assert await cluster.copy(second, key) is None
    await cluster.proxies[first].start()
    await storage.objects.delete(key, placement)
    assert await cluster.copies(key) == set()


async def test_what_is_no_key_is_refused(storage):
    """Before any shard is asked."""
    for call in (
        storage.objects.put("../x", DATA, JPEG),
        storage.objects.get("../x", ("s1",)),
        storage.objects.delete("../x", ("s1",)),
    ):
        with pytest.raises(ValueError, match="not an object key"):
            await call


BUSY = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("fault", ["refuses", "hangs", "crawls", "is busy"])
async def test_a_shard_that_misbehaves_costs_no_read_and_no_upload(impatient, cluster, fault):
    """The other copy is read, and another shard takes the copy that it would have got."""
    key = key_on(impatient, "s1", "s2")
    placement = await impatient.objects.put(key, DATA, JPEG)
    proxy = cluster.proxies["s1"]
    if fault == "refuses":
        await proxy.refuse()
    elif fault == "hangs":
        proxy.hang()
    elif fault == "crawls":
        proxy.slow_down(1000)
        proxy.cut()
    else:
        proxy.answer(BUSY)
    assert await impatient.objects.get(key, placement, sha256=TRUE, size=len(DATA)) == DATA
    assert "s1" not in await impatient.objects.put(key_on(impatient, "s1", "s3"), DATA, JPEG)


async def test_an_avoided_shard_is_the_last_to_be_read(storage, cluster, key):
    """But it is read when nothing else has the bytes: its breaker may be wrong."""
    first, second = placement = await storage.objects.put(key, DATA, JPEG)
    storage._fleet.breakers[first].trip()
    storage._fleet.breakers[second].trip()
    assert await storage.objects.get(key, placement, sha256=TRUE) == DATA


async def test_a_bad_copy_is_told_of(cluster, key):
    """Whoever looks after copies hears which one a read found missing or wrong."""
    told = []
    config = cluster.config()
    async with open_storage(config, patience=PATIENT, on_bad=lambda *copy: told.append(copy)) as storage:
        first, _ = placement = await storage.objects.put(key, DATA, JPEG)
        await cluster.overwrite(first, key, DATA[:-1])
        assert await storage.objects.get(key, placement, size=len(DATA)) == DATA
        await cluster.overwrite(first, key, None)
        assert await storage.objects.get(key, placement) == DATA
    assert told == [(key, first)] * 2
