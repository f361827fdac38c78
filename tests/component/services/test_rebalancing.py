"""Copies are moved to where they belong, on real servers."""

from contracts.events import ImageMoved
from services.worker.care.rebalance import survey
from tests.component.services.caring import events, placements
from tests.component.services.looking import objects, rows


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
