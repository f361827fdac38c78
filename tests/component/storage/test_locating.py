"""What the locator hands out works, and what nginx reports is acted upon."""

import httpx
import pytest

from infrastructure.storage.breaker import State
from infrastructure.storage.config import StorageConfig
from infrastructure.storage.files import INCOMING
from infrastructure.storage.open import open_storage
from tests.eventually import becomes

DATA = bytes(range(256)) * 100


@pytest.fixture
async def storage(cluster):
    async with cluster.open() as storage:
        yield storage


def as_nginx_does(location):
    """`/_s3/<attempt>/<host:port>/<path>` -> what is fetched: plain HTTP, nothing but GET and Host."""
    root, attempt, rest = location[1:].split("/", 2)
    assert root == "_s3"
    return int(attempt), f"http://{rest}"


async def fetch(location, **headers):
    async with httpx.AsyncClient() as client:
        return await client.get(as_nginx_does(location)[1], headers=headers)


async def test_the_address_can_be_fetched_from(storage, key):
    """By anyone, with no other credentials, whole or in part."""
    placement = await storage.objects.put(key, DATA, "image/jpeg")
    location = storage.locator.locate(key, placement)
    assert (await fetch(location)).content == DATA
    part = await fetch(location, Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, DATA[10:20])


async def test_the_address_is_for_that_object_alone(storage, key):
    """A signature can't be carried over to another key."""
    placement = await storage.objects.put(key, DATA, "image/jpeg")
    location = storage.locator.locate(key, placement)
    assert (await fetch(location.replace("/original", "/other"))).status_code == 403


async def test_each_copy_can_be_fetched_in_turn(storage, cluster, key):
    """As nginx hands back the number it was given; then there is nothing left."""
    placement = await storage.objects.put(key, DATA, "image/jpeg")
    failed, endpoints = 0, []
    while location := storage.locator.locate(key, placement, failed):
        assert (await fetch(location)).content == DATA
        failed, url = as_nginx_does(location)
        endpoints.append(httpx.URL(url).netloc.decode())
    assert endpoints == [cluster.proxies[name].endpoint for name in placement]


async def test_a_shard_that_fails_nginx_is_asked_and_avoided(storage, cluster, key):
    """So the next reader is sent to a copy that is there, and back when the shard is."""
    first, second = placement = await storage.objects.put(key, DATA, "image/jpeg")
    await cluster.proxies[first].refuse()
    failed, _ = as_nginx_does(storage.locator.locate(key, placement))
    storage.locator.locate(key, placement, failed)
    await becomes(lambda: storage.locator.locate(key, placement).split("/")[3], cluster.proxies[second].endpoint)
    await cluster.proxies[first].start()
    await becomes(lambda: storage.locator.locate(key, placement).split("/")[3], cluster.proxies[first].endpoint)


async def test_a_shard_that_lacks_one_object_is_not_avoided(storage, cluster, key):
    """It is asked, and answers."""
    first, _ = placement = await storage.objects.put(key, DATA, "image/jpeg")
    await cluster.overwrite(first, key, None)
    proxy = cluster.proxies[first]
    proxy.cut()
    before = proxy.connections
    for _ in range(10):
        storage.locator.locate(key, placement, 1)
    await becomes(lambda: proxy.connections > before, wanted=True)
    assert storage._fleet.breakers[first].state is State.CLOSED


async def test_a_file_is_where_the_address_says(tmp_path, key):
    """Below the shard's directory, under its key."""
    (tmp_path / INCOMING).mkdir()
    async with open_storage(StorageConfig(shards=(f"disk=file://{tmp_path}",), copies=1)) as storage:
        placement = await storage.objects.put(key, DATA, "image/jpeg")
        assert storage.locator.locate(key, placement) == f"/_file/1/disk/{key}"
        assert (tmp_path / key).read_bytes() == DATA
