"""What uploads and outages leave behind goes, on real servers."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import uuid4

import pytest

from contracts.errors import Unavailable
from services.worker.main import open_app as open_worker
from services.write.main import open_app as open_write
from tests.component.services.caring import placements
from tests.component.services.conftest import client_of
from tests.component.services.looking import objects, rows, upload
from tests.eventually import eventually
from tests.pictures import jpeg


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


@pytest.mark.usefixtures("serve")  # the variables of a service
async def test_uploads_that_are_aborted_leave_nothing(keeper, database, storage):
    """Wherever they were ended, after the sweep only whole images are there."""

    async def abort(write, number):
        try:
            async with asyncio.timeout(0.005 * number):
                await upload(write, jpeg(60 + number, 50))
        except TimeoutError:
            pass

    # A service ends when nothing is in hand any more, whoever has gone away meanwhile.
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(open_write())
        write = await stack.enter_async_context(client_of(app, stack))
        await upload(write, jpeg(50, 50))
        await asyncio.gather(*(abort(write, number) for number in range(20)))
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
