"""Copies are moved, verified, repaired and cleaned up after, on real servers."""

import asyncio
import time
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from contracts.errors import Unavailable
from contracts.events import ImageFailed, ImageMoved, ImageUploaded, decode
from infrastructure.postgres.config import PrimaryConfig
from infrastructure.postgres.discarded import Discarded
from infrastructure.postgres.moves import Moves
from infrastructure.postgres.placements import Placements
from infrastructure.postgres.primary import open_primary
from infrastructure.postgres.walks import Walks
from infrastructure.storage.ring import Ring
from services.shared.clock import utc_now
from services.worker.care.rebalance import Hands, rebalance, survey
from services.worker.care.scrub import BYTES_LOST, Scrubbed, Verify, scrub
from services.worker.care.sweep import sweep
from services.worker.discard import discard
from services.worker.main import open_app as open_worker
from services.worker.pace import Pace
from tests.component.services.looking import objects, rows, upload
from tests.eventually import eventually
from tests.pictures import jpeg

AT_ONCE = timedelta(0)
BEGINNING = UUID(int=0)


class Keeper:
    """Everything that looks after copies, on one test's rooms."""

    def __init__(self, primary, storage):
        self.storage = storage
        self.placements = Placements(primary)
        self.walks = Walks(primary)
        self.discarded = Discarded(primary)
        self.moves = Moves(primary, clock=utc_now, new_id=uuid4)
        self.ring = storage.ring
        pace = Pace(None, clock=time.monotonic)
        self.hands = Hands(copies=storage.copies, moves=self.moves, pace=pace, clock=utc_now, grace=AT_ONCE)
        self.verify = Verify(
            placements=self.placements, owners=self.owners, listed=lambda: set(storage.listed), hands=self.hands
        )

    def owners(self, key):
        return self.ring.owners(key, 2)

    def without(self, *names):
        """From now on the ring has only the other shards."""
        self.ring = Ring({name: 1 for name in self.storage.shards if name not in names})

    async def rebalance(self, *, resume=False, version=1):
        tools = {"owners": self.owners, "placements": self.placements, "walks": self.walks, "hands": self.hands}
        return await rebalance(version, resume=resume, **tools)

    async def scrub(self, older_than=AT_ONCE):
        return await scrub(older_than, placements=self.placements, verify=self.verify, clock=utc_now)

    async def sweep(self, grace=AT_ONCE, *, dry_run=False):
        tools = {"copies": self.storage.copies, "placements": self.placements, "clock": utc_now}
        return [await sweep(name, grace, dry_run=dry_run, **tools) for name in sorted(self.storage.shards)]

    async def discard(self):
        while await discard(discarded=self.discarded, objects=self.storage.objects, clock=utc_now):
            pass

    async def on(self, name):
        """Keys of the objects on a shard."""
        return {info.key async for info in self.storage.shards[name].list()}


@pytest.fixture
async def keeper(database, storage):
    async with open_primary(PrimaryConfig(primary=database.primary)) as primary:
        yield Keeper(primary, storage)


@pytest.fixture
async def pictures(write):
    """Six uploaded images that nobody has rendered."""
    return [await upload(write, jpeg(40 + number, 30)) for number in range(6)]


async def placements(database):
    """Where the rows say that the originals are."""
    return {
        f"{row['id']}/original": tuple(row["placement"])
        for row in await rows(database, "SELECT id, placement FROM blobs")
    }


async def events(database, kind):
    """The events of a kind that were written."""
    found = [decode(row["payload"]) for row in await rows(database, "SELECT payload FROM outbox ORDER BY created_at")]
    return [event for event in found if isinstance(event, kind)]


async def test_what_is_where_it_belongs_is_left_alone(keeper, pictures, database):
    """Nothing is moved and nothing said."""
    before = await placements(database)
    assert (await survey(placements=keeper.placements, owners=keeper.owners)).objects == 0
    assert await keeper.rebalance() == type(await keeper.rebalance())(0, 0, 0)
    assert await placements(database) == before
    assert await events(database, ImageMoved) == []


async def test_a_shard_is_emptied(keeper, pictures, database, storage):
    """The dry run says what will move; then every object is elsewhere, with an event, and in the end only there."""
    keeper.without("shard-1")
    moving = {key: where for key, where in (await placements(database)).items() if "shard-1" in where}
    plan = await survey(placements=keeper.placements, owners=keeper.owners)
    assert plan.objects == len(moving)
    assert {source for source, _ in plan.routes} <= {"shard-1"}
    done = await keeper.rebalance()
    assert (done.objects, done.bytes, done.left) == (plan.objects, plan.bytes, 0)
    after = await placements(database)
    assert all(where == keeper.owners(key) for key, where in after.items())
    moved = await events(database, ImageMoved)
    assert {(e.image.blob.key, e.image.blob.placement, e.image.version) for e in moved} == {
        (key, after[key], 2) for key in moving
    }
    assert await keeper.on("shard-1") == set(moving)
    await keeper.discard()
    assert await keeper.on("shard-1") == set()
    assert await objects(storage) == dict.fromkeys(after, 2)


async def test_what_is_moved_away_and_back_again_stays(keeper, pictures, database, storage):
    """A copy that a row names again is not deleted, although it was given up before."""
    ring = keeper.ring
    keeper.without("shard-1")
    await keeper.rebalance()
    keeper.ring = ring
    await keeper.rebalance()
    await keeper.discard()
    assert await objects(storage) == dict.fromkeys(await placements(database), 2)
    for key, where in (await placements(database)).items():
        assert where == keeper.owners(key)
        assert {name for name in storage.shards if key in await keeper.on(name)} == set(where)


async def test_a_copy_is_taken_from_where_it_is_right(keeper, pictures, database, storage):
    """Wrong bytes are not multiplied; without right ones nothing is moved."""
    key, (first, second) = next(iter((await placements(database)).items()))
    good = await storage.shards[first].get(key)
    await storage.shards[first].put(key, memoryview(b"x" * len(good)), "image/jpeg")
    keeper.without(second)
    await keeper.rebalance()
    for name in (await placements(database))[key]:
        if name != first:
            assert await storage.shards[name].get(key) == good
    await storage.shards[second].delete(key)


async def test_who_is_too_late_moves_nothing(keeper, pictures, database, monkeypatch):
    """The row was changed meanwhile: it stays as it is, and the new copies go with the time."""
    keeper.without("shard-1")
    before = await placements(database)
    page = keeper.placements.page

    async def old_page(after, limit):
        blobs = await page(after, limit)
        await rows(database, "UPDATE blobs SET placement = placement || ARRAY['shard-9']")
        return blobs

    monkeypatch.setattr(keeper.placements, "page", old_page)
    done = await keeper.rebalance()
    assert (done.objects, done.left) == (0, sum("shard-1" in where for where in before.values()))
    assert len(await rows(database, "SELECT 1 FROM discarded")) == done.left


async def test_a_run_goes_on_where_the_last_was_ended(keeper, pictures, database):
    """With the same list of shards; with another one everything is looked at."""
    keeper.without("shard-1")
    last = max(row["id"] for row in await rows(database, "SELECT id FROM blobs"))
    await keeper.walks.save("rebalance", last, version=1)
    assert (await keeper.rebalance(resume=True)).objects == 0
    await keeper.walks.save("rebalance", last, version=1)
    assert (await keeper.rebalance(resume=True, version=2)).objects > 0


async def test_avoided_shards_are_left_for_later(keeper, pictures, database, storage):
    """What belongs on one is counted and stays where it is."""
    keeper.without("shard-1")
    for name in ("shard-2", "shard-3", "shard-4"):
        storage._fleet.breakers[name].trip()
    done = await keeper.rebalance()
    assert (done.objects, done.left) == (0, sum("shard-1" in w for w in (await placements(database)).values()))


async def test_good_copies_are_stamped(keeper, pictures, database):
    """And not read again before their time."""
    done = await keeper.scrub()
    assert (done.copies, done.missing, done.wrong, done.lost, done.unknown) == (12, 0, 0, 0, 0)
    assert {row["x"] for row in await rows(database, "SELECT verified_at IS NOT NULL AS x FROM blobs")} == {True}
    assert (await keeper.scrub(timedelta(hours=1))).copies == 0


async def test_what_was_moved_is_read_again_before_its_time(keeper, pictures, database):
    """Nobody has read the new copies yet; the rest was read a moment ago."""
    await keeper.scrub()
    keeper.without("shard-1")
    moved = {key[:36] for key, where in (await placements(database)).items() if "shard-1" in where}
    await keeper.rebalance()
    unread = {str(row["id"]) for row in await rows(database, "SELECT id FROM blobs WHERE verified_at IS NULL")}
    assert unread == moved
    assert (await keeper.scrub(timedelta(hours=1))).missing == 0
    assert await rows(database, "SELECT id FROM blobs WHERE verified_at IS NULL") == []


@pytest.mark.parametrize("fault", ["deleted", "short", "flipped", "swapped"])
async def test_bad_copies_are_found_and_repaired(keeper, pictures, database, storage, fault):
    """From a good one, whatever happened to them."""
    (key, (first, second)), (other, where) = list((await placements(database)).items())[:2]
    good = await storage.shards[first].get(key)
    swapped = await storage.shards[where[0]].get(other)
    bad = {"deleted": None, "short": good[:-1], "flipped": bytes([good[0] ^ 1]) + good[1:], "swapped": swapped}[fault]
    await storage.shards[second].delete(key)
    if bad is not None:
        await storage.shards[second].put(key, memoryview(bad), "image/jpeg")
    done = await keeper.scrub()
    assert (done.missing + done.wrong, done.repaired, done.lost) == (1, 1, 0)
    assert await storage.shards[second].get(key) == good


async def test_what_was_erased_meanwhile_is_not_missing(keeper, pictures, database, storage):
    """Nor is it put back: nobody wants it any more."""
    blobs = await keeper.placements.page(BEGINNING, 10)
    for blob in blobs:
        await storage.shards[blob.placement[0]].delete(blob.key)
    await rows(database, "DELETE FROM images")
    await rows(database, "DELETE FROM blobs")
    done = Scrubbed()
    for blob in blobs:
        await keeper.verify(blob, done)
    assert (done.missing, done.repaired, done.lost, done.unknown) == (0, 0, 0, 0)
    assert await objects(storage) == {blob.key: 1 for blob in blobs}


async def test_a_repair_of_what_is_erased_meanwhile_leaves_nothing(keeper, pictures, database, storage, monkeypatch):
    """The copy is written down before it is made."""
    (blob, *_) = await keeper.placements.page(BEGINNING, 10)
    await storage.shards[blob.placement[0]].delete(blob.key)
    unchanged = asyncio.sleep(0)
    monkeypatch.setattr(keeper.verify, "_require_unchanged", lambda _: unchanged)
    intend = keeper.moves.intend

    async def erased_then(copies, not_before):
        await intend(copies, not_before)
        await rows(database, f"DELETE FROM images WHERE blob_id = '{blob.id}'")  # noqa: S608
        await rows(database, f"DELETE FROM blobs WHERE id = '{blob.id}'")  # noqa: S608

    monkeypatch.setattr(keeper.moves, "intend", erased_then)
    await keeper.verify(blob, Scrubbed())
    assert (await objects(storage))[blob.key] == 2
    await keeper.discard()
    assert blob.placement[0] not in [name for name in blob.placement if blob.key in await keeper.on(name)]


async def test_lost_bytes_are_told(keeper, pictures, database, storage, write):
    """Once, and taken back should they be found again."""
    key, where = next(iter((await placements(database)).items()))
    good = await storage.shards[where[0]].get(key)
    for name in where:
        await storage.shards[name].delete(key)
    for _ in range(2):
        assert (await keeper.scrub()).lost == 1
    (event,) = await events(database, ImageFailed)
    assert (event.image.blob.key, event.image.failure) == (key, BYTES_LOST)
    await storage.shards[where[0]].put(key, memoryview(good), "image/jpeg")
    assert (await keeper.scrub()).repaired == 1
    again = (await events(database, ImageUploaded))[-1]
    assert (again.image.blob.key, again.image.failure, again.image.status) == (key, None, "processing")


async def test_of_what_a_silent_shard_has_nothing_is_said(keeper, pictures, database, storage):
    """Neither that it is good nor that it is lost; other copies are repaired all the same."""
    key, (first, second) = next(iter((await placements(database)).items()))
    storage._fleet.breakers[first].trip()
    await storage.shards[second].delete(key)
    done = await keeper.scrub()
    assert done.lost == 0
    assert done.unknown >= 1
    with pytest.raises(Unavailable):
        await keeper.verify.repair((await keeper.placements.page(BEGINNING, 10))[0].id)


async def test_copies_that_were_never_made_are_made(keeper, pictures, database, storage):
    """An upload during an outage may have had fewer than it should."""
    key, (first, second) = next(iter((await placements(database)).items()))
    await rows(database, f"UPDATE blobs SET placement = ARRAY['{first}'] WHERE id = '{key[:36]}'")  # noqa: S608
    await storage.shards[second].delete(key)
    await keeper.scrub()
    unread = await rows(database, "SELECT id FROM blobs WHERE verified_at IS NULL")
    assert [str(row["id"]) for row in unread] == [key[:36]]
    found = (await placements(database))[key]
    assert len(found) == 2
    for name in found:
        assert await storage.shards[name].get(key)


async def ready(database):
    async def check():
        assert {row["state"] for row in await rows(database, "SELECT state FROM blobs")} == {"ready"}

    await eventually(check)


async def test_lost_thumbnails_are_made_anew(keeper, write, worker, database, storage):
    """Their original is enough."""
    await upload(write, jpeg(400, 300))
    await ready(database)
    (blob,) = await keeper.placements.page(BEGINNING, 10)
    made = blob.derivatives[0]
    assert len(made.sha256) == 64
    for name in made.placement:
        await storage.shards[name].delete(made.key)
    assert (await keeper.scrub()).lost == 1

    async def is_back():
        assert made.key in await objects(storage)

    await eventually(is_back)


async def test_a_read_that_finds_a_bad_copy_has_it_repaired(  # noqa: PLR0917 - fixtures are asked for by name
    keeper, write, read, worker, database, storage
):
    """Without waiting for the scrub. A read that another copy has served first has found nothing, so clients go on."""
    await upload(write, jpeg(400, 300))
    await ready(database)
    (blob,) = await keeper.placements.page(BEGINNING, 10)
    first = blob.placement[0]
    good = await storage.shards[first].get(blob.key)
    await storage.shards[first].put(blob.key, memoryview(good[::-1]), "image/jpeg")
    query = f"sha256={blob.sha256}&size={blob.size}&placement={','.join(blob.placement)}"

    async def is_repaired():
        assert (await read.get(f"/internal/objects/{blob.key}?{query}")).content == good
        assert await storage.shards[first].get(blob.key) == good

    await eventually(is_repaired, within=60)


async def test_what_nobody_points_to_goes(keeper, pictures, database, storage):
    """And nothing else does; a dry run only counts."""
    lost = [f"{uuid4()}/original" for _ in range(5)]
    for key in lost:
        await storage.objects.put(key, b"unfinished", "image/jpeg")
    assert sum(shard.unnamed for shard in await keeper.sweep(dry_run=True)) == 10
    assert sum(shard.unnamed for shard in await keeper.sweep(timedelta(hours=1))) == 0
    await keeper.discard()
    assert set(lost) < set(await objects(storage))
    assert sum(shard.unnamed for shard in await keeper.sweep()) == 10
    await keeper.discard()
    assert await objects(storage) == dict.fromkeys(await placements(database), 2)


async def test_a_listing_that_breaks_off_sweeps_nothing(keeper, storage, monkeypatch):
    """What it did not tell may be all there is of somebody's picture."""
    await storage.objects.put(f"{uuid4()}/original", b"unfinished", "image/jpeg")

    async def break_off(_):
        async for info in storage.shards["shard-1"].list():
            yield info
        raise Unavailable

    monkeypatch.setattr(storage.copies, "list", break_off)
    assert {shard.problem for shard in await keeper.sweep()} == {"its listing is not complete"}
    await keeper.discard()
    assert len(await objects(storage)) == 1


async def test_uploads_that_are_aborted_leave_nothing(keeper, write, database, storage):
    """Wherever they were ended, after the sweep only whole images are there."""

    async def abort(number):
        try:
            async with asyncio.timeout(0.005 * number):
                await upload(write, jpeg(60 + number, 50))
        except TimeoutError:
            pass

    await asyncio.gather(*(abort(number) for number in range(20)))

    async def is_quiet():
        before = await objects(storage)
        await asyncio.sleep(0.3)
        assert await objects(storage) == before

    await eventually(is_quiet)
    await keeper.sweep()
    await keeper.discard()
    assert await objects(storage) == dict.fromkeys(await placements(database), 2)


async def test_the_worker_does_all_this_by_itself(serve, write, keeper, database, storage):
    """Slowly, in the background."""
    await upload(write, jpeg(50, 40))
    await storage.objects.put(f"{uuid4()}/original", b"unfinished", "image/jpeg")
    await serve(open_worker, CHITRAM_SWEEP_EVERY="0.2", CHITRAM_SWEEP_GRACE="0", CHITRAM_RENDER_PROCESSES="1")

    async def is_clean():
        known = {row["id"] for row in await rows(database, "SELECT id FROM blobs")}
        assert {key.partition("/")[0] for key in await objects(storage)} == {str(blob_id) for blob_id in known}

    await eventually(is_clean)
