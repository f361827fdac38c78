"""Copies are read, repaired and made up for, on real servers."""

import asyncio
from datetime import timedelta

import pytest

from contracts.errors import Unavailable
from contracts.events import ImageFailed, ImageUploaded
from services.worker.care.scrub import BYTES_LOST, Scrubbed
from tests.component.services.caring import BEGINNING, events, placements
from tests.component.services.looking import objects, rows, upload
from tests.eventually import eventually
from tests.pictures import jpeg


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


async def test_what_is_moved_while_it_is_read_is_not_stamped(keeper, pictures, database):
    """The copies that were good are not those that the row names now."""
    read = [await keeper.verify(blob, Scrubbed()) for blob in await keeper.placements.page(BEGINNING, 10)]
    keeper.without("shard-1")
    moved = {key[:36] for key, where in (await placements(database)).items() if "shard-1" in where}
    await keeper.rebalance()
    await keeper.verify.stamp(read)
    unread = {str(row["id"]) for row in await rows(database, "SELECT id FROM blobs WHERE verified_at IS NULL")}
    assert unread == moved


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


async def test_while_a_copy_can_not_be_made_nothing_is_stamped(keeper, pictures, database, storage):
    """Else nobody would think of it for weeks."""
    key, (first, second) = next(iter((await placements(database)).items()))
    await rows(database, f"UPDATE blobs SET placement = ARRAY['{first}'] WHERE id = '{key[:36]}'")  # noqa: S608
    storage._fleet.breakers[second].trip()
    await keeper.scrub()
    unread = {str(row["id"]) for row in await rows(database, "SELECT id FROM blobs WHERE verified_at IS NULL")}
    assert key[:36] in unread


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

    await eventually(is_repaired)
