"""Who sees what on the read services: at once, whatever the replicas are doing."""

import secrets
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import httpx
import pytest

from deploy.local import ports
from services.read.main import open_app as open_read
from services.write.main import open_app as open_write
from tests.borrowed import TEMPLATE
from tests.component.postgres.cluster import Cluster, make_cluster
from tests.component.services.looking import IMAGES, rows
from tests.component.services.people import AUTH, KEYS, Person, bearer, key, person, session
from tests.pictures import jpeg

TOKEN = "x-consistency-token"

pytestmark = pytest.mark.xdist_group("visibility")  # they share servers of their own


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    """A primary and two replicas of these tests."""
    made = make_cluster(tmp_path_factory.mktemp("paused"))
    yield made
    made.remove()


@pytest.fixture
async def paused(cluster) -> AsyncIterator[dict[str, str]]:
    """A database of the test's own, on replicas that replay nothing any more, as the services' variables."""
    name = f"t_{secrets.token_hex(6)}"
    position = cluster.primary.sql(
        f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER chitram; SELECT pg_current_wal_lsn()", "postgres"
    )
    for standby in cluster.standbys:
        await standby.caught_up(position)
        standby.sql("SELECT pg_wal_replay_pause()")
    yield {
        "CHITRAM_POSTGRES_PRIMARY": cluster.primary.facts.url(name),
        "CHITRAM_POSTGRES_REPLICAS": ",".join(standby.facts.url(name) for standby in cluster.standbys),
    }
    for standby in cluster.standbys:
        standby.sql("SELECT pg_wal_replay_resume()")


@pytest.fixture
async def services(serve, paused) -> tuple[httpx.AsyncClient, tuple[httpx.AsyncClient, ...]]:
    """A write service and two read services, each at another of the paused replicas; no worker carries events."""
    write = await serve(open_write, **paused)
    return write, tuple([await serve(open_read, CHITRAM_REPLICA=str(number)) for number in range(2)])


async def upload(write: httpx.AsyncClient, owner: Person, **fields: str) -> tuple[str, dict[str, str]]:
    """Path of a new image, and the header with which it is found at once."""
    files = {"file": ("a.jpg", jpeg(8, 8))}
    answer = await write.post(f"{IMAGES}/upload", files=files, data=fields, headers=owner.headers)
    assert answer.status_code == 201, answer.text
    return f"{IMAGES}/{answer.json()['id']}", {TOKEN: answer.headers[TOKEN]}


async def statuses(reads, path: str, headers: dict[str, str] | None = None) -> set[int]:
    """What each read service answers, asked twice."""
    return {(await read.get(path, headers=headers)).status_code for read in reads for _ in range(2)}


async def test_a_new_token_holds_everywhere_and_an_ended_one_nowhere(services):
    """With all replicas paused, and before any event has come."""
    write, reads = services
    ann = await person(write, "ann@example.com")
    for path in (f"{AUTH}/me", KEYS, f"{IMAGES}?owner=me"):
        assert await statuses(reads, path, ann.headers) == {200}, path
    assert (await reads[0].get(f"{AUTH}/me", headers=ann.headers)).json()["email"] == "ann@example.com"
    backup = await key(write, ann, "images:read")
    (made,) = (await reads[1].get(KEYS, headers=ann.headers)).json()["items"]
    assert made["name"] == "k"
    assert "key" not in made
    assert await statuses(reads, IMAGES, bearer(backup)) == {200}

    assert (await write.delete(f"{KEYS}/{made['id']}", headers=ann.headers)).status_code == 204
    assert await statuses(reads, IMAGES, bearer(backup)) == {401}
    assert (await write.post(f"{AUTH}/logout", headers=ann.headers)).status_code == 204
    assert await statuses(reads, f"{AUTH}/me", ann.headers) == {401}
    assert await statuses(reads, IMAGES, ann.headers) == {401}
    assert await statuses(reads, IMAGES, bearer("chs_" + "A" * 43)) == {401}


async def test_an_image_that_becomes_private_is_hidden_from_strangers_at_once(services):
    """View, file, thumbnail and its place in lists, on every read service; its owner goes on seeing it."""
    write, reads = services
    ann, bob = await person(write, "a1@example.com"), await person(write, "b1@example.com")
    path, fresh = await upload(write, ann)
    for below in ("", "/file", "/thumbnail"):
        assert await statuses(reads, path + below, fresh) == {200}
        assert await statuses(reads, path + below, bob.headers | fresh) == {200}
    hidden = await write.patch(path, json={"visibility": "private"}, headers=ann.headers)
    assert hidden.status_code == 200
    for below in ("", "/file", "/thumbnail"):
        for headers in ({}, fresh, bob.headers):
            assert await statuses(reads, path + below, headers) == {404}
        assert await statuses(reads, path + below, ann.headers) == {200}
    for read in reads:
        listed = (await read.get(IMAGES, headers={TOKEN: hidden.headers[TOKEN]})).json()["items"]
        assert path.rpartition("/")[2] not in {item["id"] for item in listed}


async def test_a_link_opens_a_private_image_until_it_is_revoked(services):
    """To who has it, without an account; replaying it afterwards is in vain, on every read service at once."""
    write, reads = services
    ann = await person(write, "a2@example.com")
    path, fresh = await upload(write, ann, visibility="private")
    assert await statuses(reads, path, fresh) == {404}
    made = [
        (await write.post(f"{path}/links", json={"part": part}, headers=ann.headers)).json()["url"]
        for part in ("file", "view")
    ]
    for url in made:
        assert await statuses(reads, url, fresh) == {200}
        assert await statuses(reads, url + "&download=1", fresh) == {200}
        assert await statuses(reads, url + "&x=1", fresh) == {404}
        assert await statuses(reads, url[:-1], fresh) == {404}
        assert await statuses(reads, url.replace("?", "/?"), fresh) == {404}
    assert await statuses(reads, made[0].replace("/file", "/thumbnail"), fresh) == {404}
    other, _ = await upload(write, ann, visibility="private")
    assert await statuses(reads, made[1].replace(path, other), fresh) == {404}
    assert (await write.delete(f"{path}/links", headers=ann.headers)).status_code == 204
    for url in made:
        assert await statuses(reads, url) == {404}


async def test_without_nats_tokens_hold_and_end_all_the_same(serve, paused):
    """Read services ask the primary then; an end answers when nobody can have missed it."""
    (port,) = ports.choose(1)
    variables = {
        **paused,
        "CHITRAM_NATS_SERVERS": f"nats://127.0.0.1:{port}",
        "CHITRAM_LEASE": "0.3",
        "CHITRAM_LAG_BOUND": "0.6",
    }
    write, read = await serve(open_write, **variables), await serve(open_read)
    ann = await person(write, "a3@example.com")
    assert await statuses((read,), f"{AUTH}/me", ann.headers) == {200}
    assert (await write.post(f"{AUTH}/logout", headers=ann.headers)).status_code == 204
    assert await statuses((read,), f"{AUTH}/me", ann.headers) == {401}


async def test_lists_show_everybody_what_he_may_see(serve, database):
    """The public, one's own, somebody's public ones; an admin's view of anybody's; by visibility and status."""
    write, read = await serve(open_write), await serve(open_read)
    ann, bob = await person(write), await person(write, "bob@example.com")
    made = {}
    for name in ("public", "unlisted", "private"):
        path, fresh = await upload(write, ann, visibility=name)
        made[name] = path.rpartition("/")[2]
    admin = await person(write, "root@example.com")
    await rows(database, "UPDATE users SET is_admin = true WHERE email = $1", admin.email)
    root = (await session(write, admin.email)).headers

    async def listed(query: str, headers: dict[str, str]) -> set[str]:
        answer = await read.get(f"{IMAGES}?{query}", headers=headers | fresh)
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == ("private, no-store" if headers else "no-cache")
        found = {item["id"] for item in answer.json()["items"]}
        return {name for name in made if made[name] in found}

    everything = {"public", "unlisted", "private"}
    for headers in ({}, bob.headers):
        assert await listed("", headers) == {"public"}
        assert await listed(f"owner={ann.id}", headers) == {"public"}
        assert await listed("visibility=private", headers) == set()
        assert await listed(f"owner={ann.id}&visibility=unlisted", headers) == set()
    assert await listed("", ann.headers) == {"public"}
    assert await listed("owner=me", ann.headers) == everything
    assert await listed(f"owner={ann.id}", ann.headers) == everything
    assert await listed("owner=me&visibility=private", ann.headers) == {"private"}
    assert await listed("owner=me&status=processing", ann.headers) == everything
    for status in ("ready", "failed"):
        assert await listed(f"owner=me&status={status}", ann.headers) == set()
    assert await listed("owner=me", bob.headers) == set()
    assert await listed("", root) == {"public"}
    assert await listed(f"owner={ann.id}", root) == everything
    assert await listed("visibility=private", root) == {"private"}
    for query in ("owner=ann", "visibility=secret", "status=gone"):
        assert (await read.get(f"{IMAGES}?{query}")).status_code == 400
    assert (await read.get(f"{IMAGES}?owner=me")).status_code == 401


async def test_where_the_camera_was_is_for_the_owner_alone(serve, database):
    """In a view of its own tag, which no cache keeps, and with which he can change the image."""
    write, read = await serve(open_write), await serve(open_read)
    ann, bob = await person(write), await person(write, "bob@example.com")
    path, _ = await upload(write, ann)
    await rows(
        database,
        """UPDATE images SET place = '{"latitude": 1.5, "longitude": 2.5}' WHERE id = $1""",
        UUID(path.rpartition("/")[2]),
    )
    fresh = {TOKEN: (await write.patch(path, json={"tags": ["x"]}, headers=ann.headers)).headers[TOKEN]}
    for headers in ({}, bob.headers):
        answer = await read.get(path, headers=headers | fresh)
        assert "gps" not in answer.json()["metadata"]
        assert (answer.headers["etag"], answer.headers["cache-control"]) == ('"2"', "no-cache")
    answer = await read.get(path, headers=ann.headers | fresh)
    assert answer.json()["metadata"]["gps"] == {"latitude": 1.5, "longitude": 2.5}
    assert (answer.headers["etag"], answer.headers["cache-control"]) == ('"2-owner"', "private, no-store")
    if_none = {"If-None-Match": '"2"'}
    assert (await read.get(path, headers=ann.headers | fresh | if_none)).status_code == 200
    if_match = {"If-Match": answer.headers["etag"]}
    changed = await write.patch(path, json={"tags": ["y"]}, headers=ann.headers | if_match)
    assert changed.json()["metadata"]["gps"]["latitude"] == 1.5
