"""What every shard promises, wherever it keeps its objects."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from contracts.errors import ObjectMissing
from tests.component.storage.conftest import bucket_shard, directory_shard

DATA = os.urandom(3_000_000)


@pytest.fixture(params=["s3", "file"])
async def shard(request, bucket, signer, tmp_path):
    """Each kind in turn, empty."""
    if request.param == "s3":
        async with bucket_shard(bucket, signer) as shard:
            yield shard
    else:
        async with directory_shard(tmp_path) as shard:
            yield shard


async def put(shard, key, data=b"some bytes"):
    await shard.put(key, memoryview(data), "image/jpeg")


async def listed(shard, prefix=""):
    return {info.key: info async for info in shard.list(prefix)}


async def test_what_was_put_can_be_got(shard, key):
    """Byte for byte."""
    await put(shard, key, DATA)
    assert await shard.get(key) == DATA


async def test_an_empty_object_is_an_object(shard, key):
    """Nothing about it is special."""
    await put(shard, key, b"")
    assert await shard.get(key) == b""
    assert await shard.head(key) == 0
    assert list(await listed(shard)) == [key]


async def test_a_head_tells_the_size(shard, key):
    """In bytes."""
    await put(shard, key, DATA)
    assert await shard.head(key) == len(DATA)


async def test_an_absent_object_is_missing(shard, key):
    """A get says so, a head says None."""
    with pytest.raises(ObjectMissing):
        await shard.get(key)
    assert await shard.head(key) is None


async def test_a_put_may_be_repeated(shard, key):
    """The object stays the same, or is what was put last."""
    await put(shard, key, b"first")
    await put(shard, key, b"second, and longer")
    assert await shard.get(key) == b"second, and longer"
    assert len(await listed(shard)) == 1


async def test_a_deleted_object_is_gone(shard, key):
    """For get, head and list."""
    await put(shard, key)
    await shard.delete(key)
    with pytest.raises(ObjectMissing):
        await shard.get(key)
    assert await shard.head(key) is None
    assert await listed(shard) == {}


async def test_deleting_nothing_succeeds(shard, key):
    """So a delete may be repeated."""
    await shard.delete(key)
    await put(shard, key)
    await shard.delete(key)
    await shard.delete(key)


async def test_deleting_one_leaves_its_siblings(shard):
    """Objects of one id are independent."""
    blob = uuid4()
    await put(shard, f"{blob}/original", b"original")
    await put(shard, f"{blob}/small-r1-0123456789ab.webp", b"small")
    await shard.delete(f"{blob}/original")
    assert await shard.get(f"{blob}/small-r1-0123456789ab.webp") == b"small"


async def test_a_key_can_come_back_after_a_delete(shard, key):
    """A repeated put may arrive late."""
    await put(shard, key, b"one")
    await shard.delete(key)
    await put(shard, key, b"two")
    assert await shard.get(key) == b"two"


async def test_a_listing_has_every_object_with_size_and_time(shard):
    """And nothing else."""
    sizes = {f"{uuid4()}/original": n for n in range(5)}
    for key, size in sizes.items():
        await put(shard, key, bytes(size))
    found = await listed(shard)
    assert {key: info.size for key, info in found.items()} == sizes
    for info in found.values():
        assert abs(info.modified_at - datetime.now(UTC)) < timedelta(minutes=1)


async def test_a_listing_of_one_id_has_its_objects_alone(shard):
    """However many there are beside it."""
    mine, other = uuid4(), uuid4()
    for key in (f"{mine}/original", f"{mine}/small-r1-0123456789ab.webp", f"{other}/original"):
        await put(shard, key)
    assert sorted(await listed(shard, f"{mine}/")) == [f"{mine}/original", f"{mine}/small-r1-0123456789ab.webp"]
    assert await listed(shard, f"{uuid4()}/") == {}


async def test_a_listing_goes_on_past_its_first_page(shard):
    """More objects than a page holds are all there, once."""
    keys = {f"{uuid4()}/{n}" for n in range(1050)}
    gate = asyncio.Semaphore(16)

    async def put_one(key):
        async with gate:
            await put(shard, key, b"")

    await asyncio.gather(*map(put_one, keys))
    found = [info.key async for info in shard.list()]
    assert len(found) == len(keys)
    assert set(found) == keys


async def test_an_empty_shard_lists_nothing(shard):
    """Without an error."""
    assert await listed(shard) == {}


async def test_a_shard_that_is_there_answers_a_ping(shard):
    """And returns nothing."""
    await shard.ping()


@pytest.mark.parametrize("key", ["", "../../etc/passwd", f"{UUID(int=1)}/../x", "original", f"{UUID(int=1)}/a b"])
async def test_what_is_no_key_is_refused(shard, key):
    """By every call, before anything is touched."""
    for call in (put(shard, key), shard.get(key), shard.head(key), shard.delete(key)):
        with pytest.raises(ValueError, match="not an object key"):
            await call
    with pytest.raises(ValueError, match="not an object prefix"):
        await listed(shard, f"{key}/..")


async def test_many_calls_at_once(shard):
    """Each gets its own object."""
    objects = {f"{uuid4()}/original": os.urandom(50_000) for _ in range(40)}
    await asyncio.gather(*(put(shard, key, data) for key, data in objects.items()))
    got = await asyncio.gather(*(shard.get(key) for key in objects))
    assert got == list(objects.values())


async def test_a_cancelled_put_leaves_no_part(shard, key):
    """The object is whole, or not there."""
    task = asyncio.ensure_future(put(shard, key, DATA))
    await asyncio.sleep(0.002)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await shard.head(key) in (None, len(DATA))
    await put(shard, key, DATA)
    assert await shard.get(key) == DATA
