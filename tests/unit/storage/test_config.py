"""Which shards there are: every mistake is named before anything is connected."""

from pathlib import Path

import pytest

from contracts.shards import Shard, ShardMap, ShardState
from infrastructure.env import ConfigError, read
from infrastructure.storage.config import Bucket, Directory, StorageConfig, address, check, first_map


def addresses(config):
    """Where the configured shards are."""
    return tuple(address(shard, tls=config.tls) for shard in first_map(config).shards)


KEYS = {"access_key": "key", "secret_key": "secret"}


def configured(*shards, **fields):
    return StorageConfig(shards=shards, **{"copies": 1, **KEYS, **fields})


def test_shards_come_from_the_environment():
    """One variable lists all of them, with weights."""
    environ = {
        "CHITRAM_SHARDS": "a=s3://127.0.0.1:8333/pictures, b=file:///var/lib/b?weight=2",
        "CHITRAM_S3_ACCESS_KEY": "key",
        "CHITRAM_S3_SECRET_KEY": "secret",
    }
    config = read(StorageConfig, environ)
    assert addresses(config) == (Bucket("a", "127.0.0.1:8333", "pictures"), Directory("b", Path("/var/lib/b")))
    assert first_map(config) == ShardMap(
        0, (Shard("a", "s3://127.0.0.1:8333/pictures"), Shard("b", "file:///var/lib/b", weight=2))
    )


@pytest.mark.parametrize(
    ("endpoint", "tls", "signed"),
    [
        ("s3.example.com:80", False, "s3.example.com"),
        ("S3.Example.com:443", True, "s3.example.com"),
        ("[::1]:8333", False, "[::1]:8333"),
        ("s3.example.com:443", False, "s3.example.com:443"),
    ],
)
def test_an_endpoint_is_what_the_host_header_says(endpoint, tls, signed):
    """Host is signed, and clients write it in lower case without the scheme's own port."""
    (found,) = addresses(configured(f"a=s3://{endpoint}/pictures", tls=tls))
    assert found == Bucket("a", signed, "pictures")


@pytest.mark.parametrize(
    "shard",
    [
        "s3://host/bucket",
        "a",
        "a=",
        "A=s3://host/bucket",
        "a=http://host/bucket",
        "a=s3://host",
        "a=s3://host/",
        "a=s3://host/one/two",
        "a=s3://user@host/bucket",
        "a=s3://host:port/bucket",
        "a=s3:///bucket",
        "a=s3://host/Bucket",
        "a=file://host/directory",
        "a=file:relative",
        "a=file:///var/../etc",
        "a=file:///directory?weight=0",
        "a=file:///directory?weight=1.5",
        "a=file:///directory?weight=1&weight=2",
        "a=file:///directory?weight=1&colour=red",
        "a=file:///directory?colour=red",
    ],
)
def test_a_shard_that_makes_no_sense_is_named(shard):
    """The error says the variable and what it found there."""
    with pytest.raises(ConfigError, match="CHITRAM_SHARDS: ") as caught:
        addresses(configured(shard))
    assert shard in str(caught.value)


def test_names_are_used_once():
    """Placements hold names, so two shards of one name could not be told apart."""
    with pytest.raises(ConfigError, match="a name of its own, got a, a"):
        addresses(configured("a=file:///one", "a=file:///two"))


def test_places_are_used_once():
    """Two copies in one place would be one, whatever it is called."""
    with pytest.raises(ConfigError, match="two of a, b are the same place"):
        addresses(configured("a=s3://host/one", "b=s3://HOST:80/one"))


def test_a_draining_shard_takes_no_copies():
    """So it does not count among those that copies need."""
    shards = (Shard("a", "file:///one"), Shard("b", "file:///two", state=ShardState.DRAINING))
    with pytest.raises(ConfigError, match="CHITRAM_COPIES"):
        check(configured(copies=2), ShardMap(3, shards))


def test_a_system_begins_with_some_shards():
    """Without any in the environment or in the database there is nowhere to put anything."""
    with pytest.raises(ConfigError, match="CHITRAM_SHARDS is not set"):
        first_map(configured())


def test_copies_need_as_many_shards():
    """Two copies on one shard would be one."""
    with pytest.raises(ConfigError, match="CHITRAM_COPIES: 2 copies need as many active shards, there are 1"):
        addresses(configured("a=file:///one", copies=2))


def test_a_quorum_is_at_most_all_copies():
    """More could never be written."""
    with pytest.raises(ConfigError, match="CHITRAM_WRITE_QUORUM"):
        addresses(configured("a=file:///one", "b=file:///two", write_quorum=2))


def test_buckets_need_keys():
    """Directories don't."""
    with pytest.raises(ConfigError, match="CHITRAM_S3_ACCESS_KEY and CHITRAM_S3_SECRET_KEY"):
        addresses(configured("a=s3://host/bucket", secret_key=""))
    assert addresses(configured("a=file:///one", access_key="", secret_key=""))


@pytest.mark.parametrize(("quorum", "needed"), [(0, 3), (1, 1), (2, 2)])
def test_a_quorum_of_nought_means_all(quorum, needed):
    """The safest is the default."""
    assert StorageConfig(shards=(), copies=3, write_quorum=quorum).quorum == needed
