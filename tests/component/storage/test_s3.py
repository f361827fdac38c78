"""A shard in a bucket, and what can go wrong between us and it."""

import asyncio
import hashlib
import os

import pytest
from msgspec.structs import replace

from contracts.errors import ObjectMissing, Unavailable
from deploy.local.servers.seaweedfs import REGION
from infrastructure.storage.config import Bucket
from infrastructure.storage.shard import ShardFailed, ShardMisconfigured
from infrastructure.storage.sign import Signer
from tests.component.storage.conftest import HASTY, UNHURRIED, bucket_shard

DATA = memoryview(b"x" * 2_000_000)


@pytest.fixture
def behind(proxy, bucket):
    """A bucket behind the proxy."""
    return Bucket("s", proxy.endpoint, bucket.bucket)


@pytest.fixture
async def shard(behind, signer):
    """That bucket."""
    async with bucket_shard(behind, signer) as shard:
        yield shard


@pytest.fixture
async def hasty(behind, signer):
    """The same with short deadlines."""
    async with bucket_shard(behind, signer, deadlines=HASTY) as shard:
        yield shard


@pytest.fixture
async def hasty_reader(behind, signer):
    """The same with a short deadline for reads alone."""
    async with bucket_shard(behind, signer, deadlines=replace(UNHURRIED, get=HASTY.get)) as shard:
        yield shard


def reply(status, body=b""):
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body)


def calls(shard, key):
    return {
        "put": lambda: shard.put(key, DATA, "image/jpeg"),
        "get": lambda: shard.get(key),
        "head": lambda: shard.head(key),
        "delete": lambda: shard.delete(key),
        "list": lambda: listed(shard),
        "ping": shard.ping,
    }


async def listed(shard):
    return [info.key async for info in shard.list()]


@pytest.mark.parametrize("size", [0, 1, 3_000_000, 9_000_000])
async def test_the_tag_of_a_whole_object_is_its_md5(shard, key, size):
    """With SeaweedFS, as with most servers."""
    data = os.urandom(size)
    assert await shard.put(key, memoryview(data), "image/jpeg") == hashlib.md5(data, usedforsecurity=False).hexdigest()


every_call = pytest.mark.parametrize("call", ["put", "get", "head", "delete", "list", "ping"])


@every_call
async def test_a_shard_that_is_not_running_fails_every_call(shard, proxy, key, call):
    """The error is ours, and tells neither the signed address nor anything else to the caller."""
    await proxy.refuse()
    with pytest.raises(ShardFailed) as caught:
        await calls(shard, key)[call]()
    assert caught.value.shard == "s"
    assert "EndpointConnectionError" in caught.value.reason
    assert caught.value.detail == Unavailable.sentence


@every_call
async def test_a_shard_that_hangs_costs_a_deadline(hasty, proxy, key, call):
    """Every call ends in time, also the put whose bytes are taken but never answered."""
    proxy.hang()
    with pytest.raises(ShardFailed) as caught:
        await calls(hasty, key)[call]()
    assert "0.6 s" in caught.value.reason


@every_call
async def test_a_shard_that_answers_503_fails_every_call(shard, proxy, key, call):
    """Whatever its reasons."""
    proxy.answer(reply(b"503 Slow Down", b"" if call == "head" else b"<Error><Code>SlowDown</Code></Error>"))
    with pytest.raises(ShardFailed) as caught:
        await calls(shard, key)[call]()
    assert caught.value.reason == ("answered 503" if call == "head" else "answered 503 SlowDown")


@every_call
async def test_a_kept_connection_that_was_closed_is_no_failure(shard, proxy, key, call):
    """The call is made again on a new one."""
    await shard.put(key, DATA, "image/jpeg")
    proxy.cut()
    await calls(shard, key)[call]()
    assert proxy.connections >= 2


@every_call
async def test_a_bucket_that_is_not_there_makes_nothing_absent(s3_server, signer, key, call):
    """Objects are missing only from a bucket that exists; else every image would seem lost at once."""
    async with bucket_shard(Bucket("s", s3_server.endpoint, "no-such-bucket"), signer) as shard:
        with pytest.raises(ShardFailed):
            await calls(shard, key)[call]()


async def test_a_ping_names_the_bucket_that_is_not_there(s3_server, signer):
    """It will not come by itself."""
    async with bucket_shard(Bucket("s", s3_server.endpoint, "no-such-bucket"), signer) as shard:
        with pytest.raises(ShardMisconfigured) as caught:
            await shard.ping()
    assert caught.value.reason == f"there is no bucket no-such-bucket at {s3_server.endpoint}"


async def test_a_ping_says_that_keys_are_refused(s3_server, bucket):
    """They won't be taken later either."""
    wrong = Signer(s3_server.access_key, "wrong", REGION, tls=False, lifetime=900)
    async with bucket_shard(bucket, wrong) as shard:
        with pytest.raises(ShardMisconfigured) as caught:
            await shard.ping()
    assert "refuses our keys (SignatureDoesNotMatch)" in caught.value.reason


CONTENTS = "<Contents><Key>0190a0a0-0000-7000-8000-00000000abcd/original</Key>{}</Contents>"


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"404 Not Found", b"<html>hello"),
        reply(b"200 OK", b"<html>hello"),
        reply(b"200 OK", b"<html/>"),
        reply(b"200 OK", b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"),
        reply(b"200 OK", b"<ListBucketResult>" + CONTENTS.format("").encode() + b"</ListBucketResult>"),
    ],
    ids=["absent", "no XML", "no listing", "endless", "no size"],
)
async def test_what_is_no_listing_is_not_taken_for_an_empty_one(shard, proxy, answer):
    """Or a sweep would believe it."""
    proxy.answer(answer)
    with pytest.raises(ShardFailed):
        await listed(shard)


async def test_keys_and_nothing_else_are_listed(shard, proxy):
    """Whatever other names there are in the bucket, with or without a namespace in the answer."""
    facts = "<Size>7</Size><LastModified>2026-01-02T03:04:05.678Z</LastModified>"
    other = "<Contents><Key>notes%2F%25.txt</Key></Contents>"
    body = f"<ListBucketResult>{CONTENTS.format(facts)}{other}</ListBucketResult>"
    proxy.answer(reply(b"200 OK", body.encode()))
    (found,) = [info async for info in shard.list()]
    assert (found.key, found.size) == ("0190a0a0-0000-7000-8000-00000000abcd/original", 7)
    assert found.modified_at.isoformat() == "2026-01-02T03:04:05.678000+00:00"


async def test_a_body_cut_short_is_not_an_object(shard, proxy, key):
    """Half a picture is never returned as the whole."""
    await shard.put(key, DATA, "image/jpeg")
    proxy.truncate(100_000)
    with pytest.raises(ShardFailed) as caught:
        await shard.get(key)
    assert "ConnectionClosedError" in caught.value.reason


async def test_a_slow_shard_costs_a_deadline_too(hasty, proxy, key):
    """Though it always does something."""
    proxy.slow_down(1000)
    with pytest.raises(ShardFailed):
        await hasty.put(key, DATA, "image/jpeg")


async def test_a_shard_that_answers_again_is_used_again(shard, hasty_reader, proxy, key):
    """Connections broken by an outage are not kept."""
    await shard.put(key, DATA, "image/jpeg")
    await hasty_reader.ping()
    proxy.hang()
    with pytest.raises(ShardFailed):
        await hasty_reader.get(key)
    proxy.resume()
    for each in (shard, hasty_reader):
        await each.ping()
    assert await shard.get(key) == DATA


async def test_a_cancelled_call_leaves_the_shard_usable(shard, proxy, key):
    """Its connection is not kept for the next one to find an answer on that was not meant for it."""
    await shard.put(key, DATA, "image/jpeg")
    proxy.hang()
    getting = asyncio.ensure_future(shard.get(key))
    await asyncio.sleep(0.01)
    getting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await getting
    proxy.resume()
    assert await shard.head(key) == len(DATA)
    with pytest.raises(ObjectMissing):
        await shard.get(key.replace("original", "other"))
