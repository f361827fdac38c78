"""R6: what the stores hold when everything has had the time to be carried out.

Each live image is ready, or failed as a poison; its original and its renderings have their copies, the originals' are
good, and the shards hold nothing else; the outbox is empty, nothing is pending at the consumers, the quarantine holds
nothing but poison.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Collection, Mapping
from typing import Any
from xml.etree import ElementTree

import aiohttp
import msgspec
import nats
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from yarl import URL

from tests.chaos.checker import Violation
from tests.chaos.stack import ChaosStack

COPIES = 2
REGION = "us-east-1"
VARIANTS = {"small", "medium", "large"}
PATIENCE, LONGEST = 60.0, 300.0
"""Seconds without progress after which the sweep, the reconciler and the consumers are taken to be done, and in all."""

PAUSE = 1.0
TOLD = 12
"""Most differences told of one kind."""


class Expected(msgspec.Struct, frozen=True):
    """An object that has to be there: on these shards, of that many bytes; the digest where it is known."""

    shards: frozenset[str]
    size: int
    sha256: str = ""


async def audit(
    stack: ChaosStack, run: str, *, poison: Collection[str] = (), patience: float = PATIENCE
) -> list[Violation]:
    """What is wrong in the stores when nothing has changed in that for `patience` seconds, or in `LONGEST` at all; and
    which copies of originals of a run are bad. `poison` are ids of images that can't be rendered.
    """
    began = changed = time.monotonic()
    last: list[str] = []
    while problems := await _problems(stack, poison):
        now = time.monotonic()
        changed, last = (changed if problems == last else now), problems
        if now - changed > patience or now - began > LONGEST:
            return [Violation("R6", problem) for problem in problems]
        await asyncio.sleep(PAUSE)
    return [Violation("R6", problem) for problem in await _bad_copies(stack, run)]


async def _problems(stack: ChaosStack, poison: Collection[str]) -> list[str]:
    """Cheap looks first; whatever one of them finds makes the dear ones needless for now."""
    async with stack.postgres() as primary:
        problems = await _unfinished(primary, poison)
    problems += await _pending(stack)
    return problems or await _objects(stack)


async def _unfinished(primary: Any, poison: Collection[str]) -> list[str]:
    waiting = await primary.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL")
    problems = [f"{waiting} events wait in the outbox"] if waiting else []
    rows = await primary.fetch(
        """
        SELECT images.id::text, blobs.state, blobs.derivatives::text
        FROM images INNER JOIN blobs ON images.blob_id = blobs.id
        WHERE images.deleted_at IS NULL
        """
    )
    for image, state, derivatives in rows:
        if state != ("failed" if image in poison else "ready"):
            problems.append(f"image {image} is {state}")
        elif state == "ready" and (made := {one["variant"] for one in json.loads(derivatives)}) != VARIANTS:
            problems.append(f"image {image} has the variants {sorted(made)}")
    dead = await primary.fetchval("SELECT count(*) FROM images WHERE deleted_at IS NOT NULL")
    problems += [f"{dead} deleted images are not erased"] if dead else []
    problems += await _quarantine(primary, poison)
    return _shortened(problems)


async def _quarantine(primary: Any, poison: Collection[str]) -> list[str]:
    rows = await primary.fetch("SELECT subject_id FROM quarantine")
    held = {str(row["subject_id"]) for row in rows}
    return [f"the quarantine holds an event of {one}, which is no poison" for one in held - set(poison)]


async def _pending(stack: ChaosStack) -> list[str]:
    """What the stream's durable consumers have not settled."""
    problems = []
    client = await nats.connect(stack.facts["endpoints"]["nats"], connect_timeout=30, max_reconnect_attempts=10)
    try:
        js = client.jetstream(timeout=30)
        for stream in await js.streams_info():
            for consumer in await js.consumers_info(stream.config.name or ""):
                owed = (consumer.num_pending or 0) + (consumer.num_ack_pending or 0)
                if consumer.config.durable_name and owed:
                    problems.append(f"consumer {consumer.name} has {owed} events to settle")
    finally:
        await client.close()
    return problems


async def _expected(stack: ChaosStack, run: str = "") -> dict[str, Expected]:
    """Every object that live images name, or those of a run."""
    async with stack.postgres() as primary:
        rows = await primary.fetch(
            """
            SELECT DISTINCT
                blobs.id::text, blobs.size, encode(blobs.sha256, 'hex'), blobs.placement, blobs.derivatives::text
            FROM blobs INNER JOIN images ON images.blob_id = blobs.id
            WHERE images.deleted_at IS NULL AND images.tags @> $1
            """,
            [run] if run else [],
        )
    expected = {}
    for blob, size, sha256, placement, derivatives in rows:
        expected[f"{blob}/original"] = Expected(frozenset(placement), size, sha256)
        for made in json.loads(derivatives):
            expected[made["key"]] = Expected(frozenset(made["placement"]), made["size"])
    return expected


async def _objects(stack: ChaosStack) -> list[str]:
    """Differences between what the rows name and what the shards hold."""
    expected = await _expected(stack)
    shards = await shards_of(stack)
    async with aiohttp.ClientSession() as session:
        listings = await asyncio.gather(*(_list(session, stack, address) for address in shards.values()))
    held = dict(zip(shards, listings, strict=True))
    problems = []
    for key, wanted in expected.items():
        if len(wanted.shards) != COPIES:
            problems.append(f"{key} is to have {len(wanted.shards)} copies, not {COPIES}")
        problems += [
            f"{key} has {held[shard].get(key, 'no')} bytes on {shard}, not {wanted.size}"
            for shard in wanted.shards
            if held[shard].get(key) != wanted.size
        ]
    for shard, objects in held.items():
        strays = [key for key in objects if key not in expected or shard not in expected[key].shards]
        problems += _shortened([f"{shard} holds {key}, which no row names" for key in strays])
    return _shortened(problems)


async def _bad_copies(stack: ChaosStack, run: str) -> list[str]:
    """Copies of originals whose bytes are not those of the upload."""
    shards = await shards_of(stack)
    problems = []

    async def look(key: str, shard: str, sha256: str) -> None:
        _, data = await call(session, stack, "GET", f"{shards[shard]}/{key}")
        if hashlib.sha256(data).hexdigest() != sha256:
            problems.append(f"the copy of {key} on {shard} is not what was uploaded")

    async with aiohttp.ClientSession() as session:
        for key, wanted in (await _expected(stack, run)).items():
            if wanted.sha256:
                await asyncio.gather(*(look(key, shard, wanted.sha256) for shard in wanted.shards))
    return _shortened(problems)


async def shards_of(stack: ChaosStack) -> Mapping[str, str]:
    """Address of each shard's bucket, as HTTP."""
    async with stack.postgres() as primary:
        rows = await primary.fetch("SELECT shard, url FROM shards")
    return {shard: url.replace("s3://", "http://") for shard, url in rows}


async def _list(session: aiohttp.ClientSession, stack: ChaosStack, bucket: str) -> dict[str, int]:
    """Key and size of each object of a bucket."""
    found: dict[str, int] = {}
    params = {"list-type": "2", "max-keys": "1000"}
    while True:
        status, body = await call(session, stack, "GET", bucket, params)
        assert status == 200, f"{bucket} can't be listed: {status} {body[:200]!r}"
        page = ElementTree.fromstring(body)  # noqa: S314 - our own store's
        space = page.tag.partition("}")[0] + "}"
        for entry in page.iter(f"{space}Contents"):
            found[entry.findtext(f"{space}Key") or ""] = int(entry.findtext(f"{space}Size") or 0)
        if page.findtext(f"{space}IsTruncated") != "true":
            return found
        params = params | {"continuation-token": page.findtext(f"{space}NextContinuationToken") or ""}


async def call(  # noqa: PLR0917 - a call is what it is
    session: aiohttp.ClientSession,
    stack: ChaosStack,
    method: str,
    url: str,
    params: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> tuple[int, bytes]:
    """Status and body of a call to the store, signed with the stack's keys."""
    keys = stack.facts["endpoints"]
    request = AWSRequest(method, url, params=dict(params or {}))
    S3SigV4QueryAuth(Credentials(keys["s3_access_key"], keys["s3_secret_key"]), "s3", REGION, expires=60).add_auth(
        request
    )
    async with session.request(method, URL(request.url, encoded=True), data=body) as answer:
        return answer.status, await answer.read()


def _shortened(problems: list[str]) -> list[str]:
    more = len(problems) - TOLD
    return [*problems[:TOLD], f"and {more} more of this kind"] if more > 0 else problems
