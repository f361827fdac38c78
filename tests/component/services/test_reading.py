"""A read service over HTTP, on real servers."""

import hashlib
from datetime import UTC, datetime

import pytest

from services.read.http.conditions import http_date
from services.read.main import open_app
from services.shared.damage import DamageReporter
from tests.component.nats.server import NatsServer
from tests.component.postgres.proxy import Proxy
from tests.component.services.looking import IMAGES, rows, upload
from tests.eventually import eventually
from tests.pictures import jpeg, size_of, undecodable_png


@pytest.fixture
async def view(write, read, worker) -> dict:
    """An image that is ready, as the read service shows it."""
    uploaded = await upload(write, jpeg(400, 300))

    async def is_ready() -> dict:
        shown = (await read.get(f"{IMAGES}/{uploaded['id']}")).json()
        assert shown.get("status") == "ready"
        return {**shown, "delete_token": uploaded["delete_token"]}

    return await eventually(is_ready)


def as_nginx_does(location: str) -> str:
    """Where nginx asks for what it was sent to."""
    _, _, sha256, size, placement, key = location.split("/", 5)
    return f"/internal/objects/{key}?sha256={sha256}&size={size}&placement={placement}"


async def replace(shard, key, data) -> None:
    """Puts other bytes in the place of a copy, or none."""
    if data is None:
        await shard.delete(key)
    else:
        await shard.put(key, memoryview(data), "image/jpeg")


async def test_a_view_is_remembered_until_an_event_tells_of_a_newer_one(view, read, write):
    """The second look needs no query; after a change the new words are shown."""
    url = f"{IMAGES}/{view['id']}"
    first = await read.get(url)
    assert first.headers["etag"] == f'"{view["version"]}"'
    assert (await read.get(url, headers={"if-none-match": first.headers["etag"]})).status_code == 304
    headers = {"x-delete-token": view["delete_token"]}
    assert (await write.patch(url, json={"description": "new"}, headers=headers)).status_code == 200

    async def is_new() -> None:
        assert (await read.get(url)).json()["description"] == "new"

    await eventually(is_new)


async def test_an_id_may_be_spelt_in_capitals(view, read):
    """UUIDs are not case-sensitive."""
    answer = await read.get(f"{IMAGES}/{view['id'].upper()}")
    assert answer.json()["id"] == view["id"]


async def test_a_file_is_handed_to_nginx_with_everything_it_has_to_say(view, read):
    """The answer names the object by a URL that works, and how to present it."""
    answer = await read.get(view["url"], params={"download": "1"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["etag"] == f'"{view["checksum"]}"'
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-delivery-disposition"] == 'attachment; filename="a.jpg"'
    assert answer.headers["x-delivery-cache-control"] == "public, max-age=3600"
    assert answer.headers["surrogate-key"] == view["id"]
    fetched = await read.get(as_nginx_does(answer.headers["x-accel-redirect"]))
    assert len(fetched.content) == view["file_size"]
    assert hashlib.sha256(fetched.content).hexdigest() == view["checksum"]


@pytest.fixture
def no_repairs(monkeypatch) -> None:
    """Nobody is told of the bad copies that reads find."""
    monkeypatch.setattr(DamageReporter, "bad", lambda *_: None)


@pytest.mark.usefixtures("no_repairs")  # these come before the services, which hold on to what tells
async def test_wrong_bytes_are_given_to_nobody(view, read, storage, database):
    """A copy that is altered, short, gone or another object is passed over; when none is good there is a problem."""
    (row,) = await rows(database, "SELECT id, placement FROM blobs")
    key, placement = f"{row['id']}/original", tuple(row["placement"])
    address = as_nginx_does((await read.get(view["url"])).headers["x-accel-redirect"])
    good = await storage.objects.get(key, placement)
    flipped = good[:1000] + bytes([good[1000] ^ 1]) + good[1001:]
    for bad in (flipped, good[:-1], jpeg(20, 20), None):
        for name in placement:
            await replace(storage.shards[name], key, bad)
            answer = await read.get(address)
            assert (answer.status_code, answer.content) == (200, good)
            await replace(storage.shards[name], key, good)
    for name in placement:
        await replace(storage.shards[name], key, flipped)
    answer = await read.get(address)
    assert (answer.status_code, answer.json()["code"]) == (503, "SERVICE_UNAVAILABLE")


@pytest.mark.parametrize("query", ["", "size=x&sha256=-&placement=shard-1", "size=5"])
async def test_what_no_read_service_would_ask_for_is_not_there(read, query):
    """The inner address takes only what it is made for."""
    assert (await read.get(f"/internal/objects/a/b?{query}")).status_code in {404, 503}


async def test_what_the_client_has_already_is_not_sent_again(view, read):
    """304 by tag and by date, with the headers that a cache needs."""
    whole = await read.get(view["thumbnail_url"])
    assert whole.headers["vary"] == "accept"
    by_tag = await read.get(view["thumbnail_url"], headers={"if-none-match": whole.headers["etag"]})
    by_date = await read.get(view["thumbnail_url"], headers={"if-modified-since": whole.headers["last-modified"]})
    for answer in (by_tag, by_date):
        assert answer.status_code == 304
        assert answer.headers["cache-control"] == "public, max-age=3600"
        assert "x-accel-redirect" not in answer.headers


async def test_until_a_thumbnail_is_made_a_small_picture_of_the_same_proportions_stands_in(write, read):
    """Whoever asks, however they ask: 200, all of it, not to be kept, and to be asked for again in a second."""
    uploaded = await upload(write, jpeg(400, 300), "sea.jpg")
    url = f"{IMAGES}/{uploaded['id']}/thumbnails/large"

    async def is_there() -> None:
        assert (await read.get(url)).status_code == 200

    await eventually(is_there)
    plain = await read.get(url)
    assert size_of(plain.content) == (32, 24)
    for headers in (
        {},
        {"range": "bytes=0-9"},
        {"if-none-match": "*"},
        {"if-modified-since": http_date(datetime.now(UTC))},
    ):
        answer = await read.get(url, headers=headers)
        assert (answer.status_code, answer.content) == (200, plain.content)
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-chitram-placeholder"] == answer.headers["retry-after"] == "1"
        assert answer.headers["content-disposition"] == 'inline; filename="sea-large.png"'
        assert not {"etag", "last-modified", "accept-ranges", "x-accel-redirect"} & answer.headers.keys()
    head = await read.head(url)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(plain.content)))
    assert (await read.get(f"{IMAGES}/{uploaded['id']}/thumbnail")).content == plain.content
    assert (await read.get(url, headers={"if-match": '"mine"'})).status_code == 412
    assert (await read.get(f"{IMAGES}/{uploaded['id']}/thumbnails/huge")).json()["code"] == "THUMBNAIL_UNAVAILABLE"


async def test_a_picture_that_can_not_be_shown_has_no_thumbnail(write, read, worker):
    """Once it has failed there is nothing to wait for, so nothing stands in; its bytes are still there."""
    uploaded = await upload(write, undecodable_png())
    url = f"{IMAGES}/{uploaded['id']}"

    async def has_failed() -> None:
        answer = await read.get(f"{url}/thumbnail")
        assert answer.status_code == 404
        assert (answer.json()["code"], answer.json()["details"]) == ("THUMBNAIL_UNAVAILABLE", {"status": "failed"})

    await eventually(has_failed)
    assert (await read.get(url)).json()["failure"]["code"] == "INVALID_IMAGE"
    assert "x-accel-redirect" in (await read.get(f"{url}/file")).headers


async def test_bytes_of_another_state_are_not_sent(view, read):
    """If-Match and If-Unmodified-Since are judged before what the client has already."""
    tag = view["checksum"]
    for headers in ({"if-match": '"other"', "if-none-match": f'"{tag}"'}, {"if-match": f'W/"{tag}"'}):
        answer = await read.get(view["url"], headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (412, "VERSION_CONFLICT")
    long_ago = {"if-unmodified-since": "Sun, 06 Nov 1994 08:49:37 GMT"}
    assert (await read.get(view["thumbnail_url"], headers=long_ago)).status_code == 412
    assert (await read.get(view["url"], headers={"if-match": f'"{tag}"'})).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/openapi.json", "/docs", "/docs/start.js", IMAGES])
async def test_what_answers_to_get_answers_to_head(read, path):
    """The same headers and no body."""
    answer = await read.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


async def test_an_address_that_only_takes_uploads_is_not_an_image(read):
    """Reading it is the wrong method, not a missing image."""
    answer = await read.get(f"{IMAGES}/upload")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_deleted_image_is_gone_from_everything_that_remembers(view, read, write):
    """View, file and thumbnails."""
    assert (await read.get(view["url"])).status_code == 200
    await write.delete(f"{IMAGES}/{view['id']}", params={"delete_token": view["delete_token"]})

    async def is_gone() -> None:
        for path in (f"{IMAGES}/{view['id']}", view["url"], view["thumbnail_url"]):
            assert (await read.get(path)).status_code == 404

    await eventually(is_gone)


async def test_its_health_names_what_it_stands_on(read):
    """Postgres as a whole, each replica and the primary, how far it is behind, Redis, NATS, the lease, each shard."""

    async def is_ok() -> dict:
        health = (await read.get("/health")).json()
        assert health["status"] == "ok", health
        return health

    health = await eventually(is_ok)
    shards = {f"shard shard-{n}" for n in range(1, 5)}
    assert set(health["dependencies"]) == {
        "postgres",
        "postgres replica 1",
        "postgres primary",
        "replica lag",
        "redis",
        "nats",
        "lease",
        *shards,
    }


async def test_it_tells_operators_what_it_knows_of_an_image(view, read):
    """What memory keeps and as of when, how far its replica is, and whether it holds a lease."""
    assert (await read.get(f"{IMAGES}/{view['id']}")).status_code == 200

    async def is_settled() -> None:
        answer = await read.get(f"/internal/images/{view['id']}")
        assert answer.status_code == 200
        told = answer.json()
        assert (told["is_attached"], told["overlay"]) == (True, None)
        assert 0 < told["needed"] <= told["replica_position"]
        if told["memory"] is None:
            await read.get(f"{IMAGES}/{view['id']}")
        assert told["memory"] is not None
        assert told["memory"]["version"] == view["version"]
        assert told["memory"]["as_of"] >= told["needed"]

    await eventually(is_settled)
    assert (await read.get("/internal/images/none")).status_code == 404


async def test_lists_go_on_where_the_cursor_says(read, write):
    """Two pages of the newest images, and refusals of what can't be meant."""
    ids = [(await upload(write, jpeg(), tags="sea"))["id"] for _ in range(3)]

    async def listed(**params: str) -> dict:
        answer = await read.get(IMAGES, params=params)
        assert answer.status_code == 200
        return answer.json()

    async def all_are_listed() -> None:
        first = await listed(limit="2", tags="sea")
        assert [item["id"] for item in first["items"]] == [ids[2], ids[1]]
        rest = await listed(cursor=first["next_cursor"])
        assert ([item["id"] for item in rest["items"]], rest["next_cursor"]) == ([ids[0]], None)

    await eventually(all_are_listed)
    assert (await read.get(IMAGES, params={"limit": "0"})).status_code == 400


async def test_while_no_events_are_heard_only_the_base_is_believed(serve, write, tmp_path):
    """Without NATS views are right at once, and health says what is missing."""
    own_nats = NatsServer(tmp_path)
    await own_nats.start()
    read = await serve(open_app, CHITRAM_NATS_SERVERS=own_nats.url)
    uploaded = await upload(write, jpeg())
    url = f"{IMAGES}/{uploaded['id']}"

    async def is_remembered() -> None:
        assert (await read.get(url)).status_code == 200

    await eventually(is_remembered)
    own_nats.kill()

    async def is_degraded() -> None:
        health = (await read.get("/health/ready")).json()
        assert (health["status"], health["dependencies"]["nats"]) == ("degraded", "down")
        assert health["dependencies"]["lease"] == "down"

    await eventually(is_degraded)
    headers = {"x-delete-token": uploaded["delete_token"]}
    for words in ("unheard of", "never heard of"):
        assert (await write.patch(url, json={"description": words}, headers=headers)).status_code == 200
        assert (await read.get(url)).json()["description"] == words
    assert (await write.delete(url, headers=headers)).status_code == 204
    assert (await read.get(url)).status_code == 404
    assert (await read.get(IMAGES)).json()["items"] == []


async def test_without_a_replica_the_primary_answers(serve, write, database):
    """What is not remembered is asked there, and health says what is missing; without both nothing is answered."""
    async with Proxy(database.primary).listening() as primary:
        async with Proxy(database.replicas[0]).listening() as replica:
            read = await serve(
                open_app, CHITRAM_POSTGRES_REPLICAS=replica.address, CHITRAM_POSTGRES_PRIMARY=primary.address
            )
        uploaded = await upload(write, jpeg())
        assert (await read.get(f"{IMAGES}/{uploaded['id']}")).status_code == 200
        assert [item["id"] for item in (await read.get(IMAGES)).json()["items"]] == [uploaded["id"]]

        async def is_degraded() -> None:
            health = (await read.get("/health")).json()
            assert (health["status"], health["dependencies"]["postgres replica 1"]) == ("degraded", "down")

        await eventually(is_degraded)
    answer = await read.get(IMAGES)
    assert (answer.status_code, answer.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert answer.headers["retry-after"] == "1"

    async def is_unavailable() -> None:
        assert (await read.get("/health")).status_code == 503

    await eventually(is_unavailable)


async def test_without_the_primary_no_lease_is_taken(serve, write, database, monkeypatch):
    """Nobody else has all that was answered while NATS was away: rather nothing is shown than what is gone."""
    monkeypatch.setattr("services.read.main.LEASE_WITHIN", 1.0)
    uploaded = await upload(write, jpeg())
    async with Proxy(database.primary).listening() as primary:
        pass
    read = await serve(open_app, CHITRAM_POSTGRES_PRIMARY=primary.address)

    async def is_told() -> None:
        health = (await read.get("/health")).json()
        assert (health["dependencies"]["nats"], health["dependencies"]["lease"]) == ("ok", "down")

    await eventually(is_told)
    assert (await read.get(f"{IMAGES}/{uploaded['id']}")).status_code == 503
