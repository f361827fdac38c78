"""What rebalancing and scrubbing do for several blobs at once, without servers."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.errors import ObjectMissing, Unavailable
from services.worker.care import rebalance as moving
from services.worker.care import scrub as scrubbing
from services.worker.care.rebalance import Errand, Hands, handfuls, rebalance, relocations
from services.worker.care.scrub import Verify, scrub
from services.worker.care.stored import digest
from services.worker.pace import Pace
from tests.unit import samples

DATA = b"bytes" * 20_000
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
OWNERS = ("three", "four")


class Copies:
    """Two shards full of the same bytes, and two empty ones; those tell what they stored, or not, and may spoil it."""

    reachable = known = frozenset({"one", "two", *OWNERS})

    def __init__(self, *, tells=True, spoils=False):
        self.written = {}
        self.tells = tells and not spoils
        self.spoils = spoils
        self.read_back = set()

    async def read(self, key, shard):
        if shard not in OWNERS:
            return DATA
        if (key, shard) not in self.written:
            raise ObjectMissing
        self.read_back.add((key, shard))
        return self.written[key, shard]

    async def write(self, key, shard, data, content_type):
        self.written[key, shard] = b"other" if self.spoils else data
        return self.tells


class Rows:
    """Placements, walks and moves; `fails` names the calls that the primary refuses."""

    def __init__(self, blobs, *fails):
        self.blobs = sorted(blobs, key=lambda blob: blob.id)
        self.fails = fails
        self.intended, self.recorded, self.stamped = [], [], []

    async def page(self, after, limit):
        return tuple(blob for blob in self.blobs if blob.id > after)[:limit]

    async def verified(self, blob_ids, since):
        return set()

    async def save(self, walk, position, *, version=0):
        """Remembers nothing."""

    async def intend(self, copies, not_before):
        self._refuse("intend")
        self.intended.append(set(copies))

    async def record(self, before, after, *, discarded, not_before):
        self.recorded.append(after)
        return True

    async def stamp(self, found):
        self._refuse("stamp")
        self.stamped.append([blob.id for blob in found])
        return {}

    def _refuse(self, call):
        if call in self.fails:
            raise Unavailable


def blobs(count):
    return [samples.blob(size=len(DATA), sha256=digest(DATA)) for _ in range(count)]


def hands(rows, copies):
    return Hands(
        copies=copies, moves=rows, pace=Pace(None, clock=lambda: 0.0), clock=lambda: NOON, grace=timedelta(minutes=1)
    )


async def run_rebalance(rows, copies):
    tools = {"placements": rows, "walks": rows, "hands": hands(rows, copies)}
    return await rebalance(1, resume=False, owners=lambda _: OWNERS, **tools)


async def run_scrub(rows, copies):
    tools = {"owners": lambda _: ("one", "two"), "listed": lambda: copies.known, "hands": hands(rows, copies)}
    verify = Verify(placements=rows, **tools)
    return await scrub(timedelta(0), placements=rows, verify=verify, clock=lambda: NOON)


def errands(*sizes):
    found = [samples.blob(size=size) for size in sizes]
    return [Errand(blob, relocations(blob, lambda _: OWNERS)) for blob in found]


def test_a_handful_has_bounds(monkeypatch):
    """By blobs and by bytes to be written; what is too large alone is one of its own. None is lost."""
    monkeypatch.setattr(moving, "HANDFUL", 3)
    monkeypatch.setattr(moving, "HANDFUL_BYTES", 100)
    given = errands(10, 10, 10, 10, 40, 200, 1)
    found = list(handfuls(given))
    assert [[errand.blob.size for errand in handful] for handful in found] == [[10, 10, 10], [10, 40], [200], [1]]
    assert [errand for handful in found for errand in handful] == given
    assert list(handfuls([])) == []


async def test_copies_to_come_are_written_down_together(monkeypatch):
    """Before any of them is made."""
    monkeypatch.setattr(moving, "HANDFUL", 4)
    rows, copies = Rows(blobs(10)), Copies()
    write = copies.write

    async def written_down(key, shard, data, content_type):
        assert any((key, shard) in intended for intended in rows.intended)
        return await write(key, shard, data, content_type)

    monkeypatch.setattr(copies, "write", written_down)
    done = await run_rebalance(rows, copies)
    assert (done.objects, done.bytes, done.left) == (10, 20 * len(DATA), 0)
    assert [len(intended) for intended in rows.intended] == [8, 8, 4]
    assert {blob.placement for blob in rows.recorded} == {OWNERS}


async def test_what_a_shard_tells_by_checksum_is_not_read_back():
    """It has said what it stored."""
    copies = Copies()
    done = await run_rebalance(Rows(blobs(3)), copies)
    assert (done.objects, done.left, len(copies.written)) == (3, 0, 6)
    assert copies.read_back == set()


async def test_what_a_shard_does_not_tell_is_read_back():
    """Every copy that was made."""
    copies = Copies(tells=False)
    assert (await run_rebalance(Rows(blobs(3)), copies)).left == 0
    assert copies.read_back == copies.written.keys()


async def test_a_blob_stays_where_it_is_when_a_new_copy_is_wrong():
    """The row goes on naming what is right."""
    rows, copies = Rows(blobs(3)), Copies(spoils=True)
    done = await run_rebalance(rows, copies)
    assert (done.objects, done.left) == (0, 3)
    assert rows.recorded == []


async def test_what_can_not_be_written_down_is_not_copied():
    """It is left for another time, all of it."""
    rows, copies = Rows(blobs(10), "intend"), Copies()
    done = await run_rebalance(rows, copies)
    assert (done.objects, done.left) == (0, 10)
    assert copies.written == {}


async def test_whoever_is_too_slow_leaves_a_blob_where_it_is(monkeypatch):
    """What was written down for it is about to be deleted."""
    monkeypatch.setattr(moving, "INTENT", timedelta(0))
    rows, copies = Rows(blobs(3)), Copies()
    done = await run_rebalance(rows, copies)
    assert (done.objects, done.left) == (0, 3)
    assert rows.recorded == []


async def test_good_blobs_are_stamped_together():
    """Each once."""
    rows = Rows(blobs(3 * scrubbing.HANDFUL + 1))
    done = await run_scrub(rows, Copies())
    assert (done.copies, done.unknown) == (2 * len(rows.blobs), 0)
    assert sorted(blob_id for ids in rows.stamped for blob_id in ids) == [blob.id for blob in rows.blobs]
    assert len(rows.stamped) < len(rows.blobs) / 2


async def test_what_can_not_be_stamped_counts_as_unknown():
    """It is read again the next time."""
    rows = Rows(blobs(scrubbing.HANDFUL + 1), "stamp")
    assert (await run_scrub(rows, Copies())).unknown == len(rows.blobs)


@pytest.mark.parametrize("size", [5, 200_000])
async def test_bytes_are_judged_alike_in_a_thread(size):
    """And beside it."""
    data = bytes(size)
    stored = moving.objects_of(samples.blob(size=size, sha256=digest(data)))[0]
    assert await stored.is_right_soon(data)
    assert not await stored.is_right_soon(b"x" * size)


def test_a_checksum_is_recorded_once():
    """Where there is none yet."""
    (stored,) = moving.objects_of(samples.blob(sha256=""))
    assert stored.with_checksum(DATA).sha256 == digest(DATA)
    assert stored.with_checksum(DATA).with_checksum(b"other").sha256 == digest(DATA)
