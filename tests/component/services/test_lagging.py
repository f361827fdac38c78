"""Replicas that stand still while everything else goes on: what is promised holds all the same."""

import secrets
from collections.abc import Iterator

import asyncpg
import httpx
import pytest

from services.read.main import open_app
from services.write.main import open_app as open_write
from tests.borrowed import TEMPLATE, wait_for_replica
from tests.component.postgres.cluster import Cluster, make_cluster
from tests.component.services.looking import IMAGES, upload
from tests.component.services.people import person
from tests.eventually import eventually
from tests.pictures import jpeg

PAUSE, RESUME = "SELECT pg_wal_replay_pause()", "SELECT pg_wal_replay_resume()"
HEADER = "x-consistency-token"

pytestmark = pytest.mark.xdist_group("lagging")  # they share servers of their own


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    """A primary and two replicas of this module's own, which may be paused."""
    made = make_cluster(tmp_path_factory.mktemp("lagging"))
    yield made
    made.remove()


@pytest.fixture
def server_environment(server_environment, cluster) -> Iterator[dict[str, str]]:
    """A database of the test's own on these servers, and the same corner of all others."""
    name = f"t_{secrets.token_hex(6)}"
    cluster.primary.sql(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER chitram", "postgres")
    caught_up(cluster)
    yield {
        **server_environment,
        "CHITRAM_POSTGRES_PRIMARY": cluster.primary.facts.url(name),
        "CHITRAM_POSTGRES_REPLICAS": ",".join(standby.facts.url(name) for standby in cluster.standbys),
    }
    for standby in cluster.standbys:
        standby.sql(RESUME, "postgres")


def caught_up(cluster: Cluster) -> None:
    """Returns when both replicas have replayed everything."""
    for standby in cluster.standbys:
        wait_for_replica(standby.facts, cluster.primary.sql("SELECT pg_current_wal_lsn()", "postgres"))


@pytest.fixture
async def reads(serve, worker) -> list[httpx.AsyncClient]:
    """Two read services, each with another replica."""
    return [await serve(open_app, CHITRAM_REPLICA=number) for number in "01"]


async def pause(cluster: Cluster, environment: dict[str, str]) -> None:
    """Stops both replicas where they are, once they have replayed a heartbeat: it tells their place in the stream."""
    for address in environment["CHITRAM_POSTGRES_REPLICAS"].split(","):
        await eventually(lambda address=address: has_beaten(address))
    for standby in cluster.standbys:
        standby.sql(PAUSE, "postgres")


async def has_beaten(address: str) -> None:
    connection = await asyncpg.connect(address)
    try:
        assert await connection.fetchval("SELECT stream_made FROM heartbeat") is not None
    finally:
        await connection.close()


async def listed(read: httpx.AsyncClient, token: str = "", **query: str) -> list[str]:
    answer = await read.get(IMAGES, params=query, headers={HEADER: token} if token else {})
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def uploaded(write: httpx.AsyncClient) -> tuple[dict, str]:
    answer = await write.post(f"{IMAGES}/upload", files={"file": ("a.jpg", jpeg())}, data={"tags": "sea"})
    return answer.json(), answer.headers[HEADER]


async def test_a_change_is_seen_however_far_the_replicas_are_behind(reads, write, cluster, server_environment):
    """With the token at once; without it within moments; views and lists, and what is deleted nowhere any more."""
    old = await upload(write, jpeg(), tags="sea")
    for read in reads:
        await eventually(lambda read=read: has(read, old["id"]))
    await pause(cluster, server_environment)
    view, token = await uploaded(write)
    url, proof = f"{IMAGES}/{view['id']}", {"x-delete-token": view["delete_token"]}
    for read in reads:
        assert (await read.get(url, headers={HEADER: token})).status_code == 200
        assert await listed(read, token) == [view["id"], old["id"]]
        await eventually(lambda read=read: has(read, view["id"]))
        assert await listed(read, tags="sea") == [view["id"], old["id"]]

    changed = await write.patch(url, json={"tags": ["sun"]}, headers=proof)
    for read in reads:
        told = {HEADER: changed.headers[HEADER]}
        assert (await read.get(url, headers=told)).json()["tags"] == ["sun"]
        assert await listed(read, changed.headers[HEADER], tags="sea") == [old["id"]]
        assert (await read.get(f"{IMAGES}/{old['id']}", headers=told)).status_code == 200

    assert (await write.delete(url, headers=proof)).status_code == 204
    for read in reads:
        for path in (url, f"{url}/file", f"{url}/thumbnails/small", f"{url}/thumbnail"):
            for headers in ({}, {HEADER: token}, {HEADER: changed.headers[HEADER]}):
                assert (await read.get(path, headers=headers)).status_code == 404
        assert await listed(read) == await listed(read, token) == [old["id"]]


async def test_the_trash_is_as_final_as_a_deletion_until_it_is_undone(serve, reads, cluster, server_environment):
    """Nobody is shown the image, the restored one at once with the token and soon without, by every read service."""
    people = await serve(open_write)
    ann = await person(people)
    form = {"files": {"file": ("a.jpg", jpeg())}, "headers": ann.headers}
    view = (await people.post(f"{IMAGES}/upload", **form)).json()
    url = f"{IMAGES}/{view['id']}"
    for read in reads:
        await eventually(lambda read=read: has(read, view["id"]))
    await pause(cluster, server_environment)

    trashed = await people.delete(url, headers=ann.headers)
    assert trashed.status_code == 204
    for read in reads:
        for path in (url, f"{url}/file", f"{url}/thumbnails/small", f"{url}/thumbnail"):
            for headers in ({}, ann.headers, {HEADER: trashed.headers[HEADER]}):
                assert (await read.get(path, headers=headers)).status_code == 404
        assert await listed(read) == await listed(read, trashed.headers[HEADER]) == []
        mine = await read.get(IMAGES, params={"trash": "true"}, headers=ann.headers)
        assert [item["id"] for item in mine.json()["items"]] == [view["id"]]

    restored = await people.post(f"{url}/restore", headers=ann.headers)
    assert restored.status_code == 200
    for read in reads:
        for path in (url, f"{url}/file", f"{url}/thumbnails/small"):
            assert (await read.get(path, headers={HEADER: restored.headers[HEADER]})).status_code == 200
        assert await listed(read, restored.headers[HEADER]) == [view["id"]]
        await eventually(lambda read=read: has(read, view["id"]))


async def has(read: httpx.AsyncClient, image_id: str) -> None:
    assert (await read.get(f"{IMAGES}/{image_id}")).status_code == 200


async def test_a_read_service_that_starts_knows_what_its_replica_does_not(
    serve, reads, write, cluster, server_environment
):
    """It hears the stream from where its replica stands."""
    gone = await upload(write, jpeg())
    for read in reads:
        await eventually(lambda read=read: has(read, gone["id"]))
    caught_up(cluster)
    await pause(cluster, server_environment)
    await write.delete(f"{IMAGES}/{gone['id']}", headers={"x-delete-token": gone["delete_token"]})
    fresh = await upload(write, jpeg())
    await eventually(lambda: has(reads[0], fresh["id"]))
    late = await serve(open_app)
    assert (await late.get(f"{IMAGES}/{fresh['id']}")).status_code == 200
    assert (await late.get(f"{IMAGES}/{gone['id']}")).status_code == 404
    assert fresh["id"] in await listed(late)
    assert gone["id"] not in await listed(late)


@pytest.mark.parametrize("headers", [{HEADER: "rubbish"}, {"cookie": "chitram_consistency=rubbish"}])
async def test_a_malformed_token_is_refused(reads, headers):
    """By views, files and lists alike."""
    for path in (f"{IMAGES}/{'0' * 8}-0000-0000-0000-{'0' * 12}", IMAGES):
        answer = await reads[0].get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_CONSISTENCY_TOKEN")
