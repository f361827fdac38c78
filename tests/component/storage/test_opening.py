"""The room opens when what it needs is there, and says what is not."""

import pytest

from contracts.errors import Unavailable
from infrastructure.env import ConfigError
from infrastructure.storage.breaker import State
from infrastructure.storage.config import StorageConfig
from infrastructure.storage.files import INCOMING
from infrastructure.storage.open import open_storage
from tests.eventually import becomes


def state(storage, name):
    return storage._fleet.breakers[name].state


async def test_a_missing_bucket_stops_the_start(cluster):
    """Named with its shard and its server."""
    config = cluster.config(shards=(*cluster.config().shards, f"s5=s3://{cluster.server.endpoint}/no-such-bucket"))
    with pytest.raises(ConfigError, match=f"shard s5: there is no bucket no-such-bucket at {cluster.server.endpoint}"):
        async with open_storage(config):
            pass


async def test_refused_keys_stop_the_start(cluster):
    """The error says so, and not what they are."""
    with pytest.raises(ConfigError, match="refuses our keys") as caught:
        async with cluster.open(secret_key="not-this-one"):
            pass
    assert "not-this-one" not in str(caught.value)


async def test_a_missing_directory_stops_the_start(tmp_path):
    """It is not made."""
    (tmp_path / "one" / INCOMING).mkdir(parents=True)
    config = StorageConfig(shards=(f"a=file://{tmp_path}/one", f"b=file://{tmp_path}/two"))
    with pytest.raises(ConfigError, match="shard b: there is no directory"):
        async with open_storage(config):
            pass


@pytest.mark.parametrize("reads_only", [False, True])
async def test_an_empty_directory_is_no_shard(tmp_path, reads_only):
    """It may be where a disk that is not mounted belongs: only whoever sets a shard up makes `.incoming`."""
    with pytest.raises(ConfigError, match=r"shard a: there is no directory .*/\.incoming: make it once"):
        async with open_storage(StorageConfig(shards=(f"a=file://{tmp_path}",), copies=1), reads_only=reads_only):
            pass
    assert list(tmp_path.iterdir()) == []


async def test_a_silent_shard_does_not_stop_the_start(cluster, key):
    """It is avoided until it answers."""
    await cluster.proxies["s1"].refuse()
    async with cluster.open() as storage:
        assert state(storage, "s1") is not State.CLOSED
        assert "s1" not in await storage.objects.put(key, b"x", "image/png")
        await cluster.proxies["s1"].start()
        await becomes(lambda: state(storage, "s1"), State.CLOSED)


async def test_too_few_shards_stop_the_start(cluster):
    """A service that could take no upload says why, shard by shard."""
    for name in ("s1", "s2", "s3"):
        await cluster.proxies[name].refuse()
    with pytest.raises(Unavailable) as caught:
        async with cluster.open():
            pass
    assert "uploads need 2 shards, 1 answer (s1: GET failed" in caught.value.detail


async def test_with_tls_nothing_is_said_in_the_clear(cluster):
    """A server that speaks plain HTTP is not talked to."""
    with pytest.raises(Unavailable) as caught:
        async with cluster.open(tls=True):
            pass
    assert "s1: GET failed: SSLError" in caught.value.detail


async def test_a_reader_starts_without_any_shard(cluster):
    """What nginx has in its cache can be read."""
    for proxy in cluster.proxies.values():
        await proxy.refuse()
    async with cluster.open(reads_only=True) as storage:
        assert not storage.objects.is_writable


async def test_buckets_and_directories_make_one_ring(cluster, tmp_path, key):
    """An object can have a copy in each."""
    (tmp_path / INCOMING).mkdir()
    shards = (cluster.config().shards[0].replace("s1=", "a="), f"b=file://{tmp_path}")
    async with open_storage(cluster.config(shards=shards)) as storage:
        placement = await storage.objects.put(key, b"bytes", "image/png")
        assert set(placement) == {"a", "b"}
        for name in placement:
            assert await storage.objects.get(key, (name,)) == b"bytes"
