"""Caches before the gateway keep what everybody may have, and forget it when they have to."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from aiohttp import web

from contracts.consistency import COOKIE
from deploy.local.ports import choose
from services.read.main import open_app as open_read
from services.worker.main import open_app as open_worker
from services.write.main import open_app as open_write
from tests.component.gateway import gateway
from tests.component.nginx.standin import StandIn
from tests.component.services.edge import answers, objects_in_varnish, varnish
from tests.component.services.looking import IMAGES
from tests.component.services.people import person
from tests.eventually import eventually
from tests.pictures import jpeg

TOKEN = "x-consistency-token"
PATIENT = {"CHITRAM_CDN_TIMEOUT": "3"}
"""No test is about how fast Varnish is."""


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """Of a Varnish that is running, and of the gateway that is to be behind it."""
    front, behind = choose(2)
    with varnish(front, behind, tmp_path):
        yield front, behind


@pytest.fixture
async def edge(ports, serve, tmp_path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of Varnish that keeps no cookies, before a gateway, a read service and a write service."""
    front, behind = ports
    write = await serve(open_write, CHITRAM_CDN=f"varnish://127.0.0.1:{front}", **PATIENT)
    read = await serve(open_read)
    services = {"read": (read.base_url.netloc.decode(),), "write": (write.base_url.netloc.decode(),)}
    none = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    with gateway(behind, tmp_path, **services, max_file_size=1_000_000):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{front}", timeout=30, cookies=none) as client:
            await answers(client)
            yield client


async def is_kept(client: httpx.AsyncClient, path: str) -> None:
    """Returns when Varnish has answered from what it keeps."""

    async def hit() -> None:
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["x-cache"]) == (200, "hit")

    await eventually(hit)


async def test_a_deleted_image_is_gone_from_varnish_with_the_answer(edge):
    """Not a moment later, however it was asked for before."""
    picture = jpeg()
    uploaded = (await edge.post(f"{IMAGES}/upload", files={"file": ("a.jpg", picture)})).json()
    path = f"{IMAGES}/{uploaded['id']}"
    await is_kept(edge, f"{path}/file")
    await is_kept(edge, f"{path}/file?download=1")
    part = await edge.get(f"{path}/file", headers={"range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, picture[:10])
    assert "surrogate-key" not in part.headers
    deleted = await edge.delete(path, headers={"x-delete-token": uploaded["delete_token"]})
    assert deleted.status_code == 204
    for gone in ("/file", "/file?download=1", ""):
        assert (await edge.get(f"{path}{gone}")).status_code == 404, gone


async def test_varnish_gives_nobody_what_became_private_and_never_keeps_what_is(edge):
    """A stranger gets 404 as soon as the 200 is there; the owner and his links go on, past the cache."""
    ann = await person(edge)
    files = {"file": ("a.jpg", jpeg())}
    path = f"{IMAGES}/{(await edge.post(f'{IMAGES}/upload', files=files, headers=ann.headers)).json()['id']}"
    await is_kept(edge, f"{path}/file")
    hidden = await edge.patch(path, json={"visibility": "private"}, headers=ann.headers)
    assert hidden.status_code == 200
    assert (await edge.get(f"{path}/file")).status_code == 404
    link = (await edge.post(f"{path}/links", json={"expires_in": 60}, headers=ann.headers)).json()["url"]
    for _ in range(2):
        for url, headers in ((f"{path}/file", ann.headers), (link, {})):
            shown = await edge.get(url, headers=headers)
            assert (shown.status_code, shown.headers["x-cache"]) == (200, "miss")
            assert shown.headers["cache-control"] == "private, no-store"
        assert (await edge.get(f"{path}/file")).status_code == 404
    shown = await edge.patch(path, json={"visibility": "public"}, headers=ann.headers)
    assert (await edge.get(path, headers={TOKEN: shown.headers[TOKEN]})).status_code == 200
    await is_kept(edge, f"{path}/file")


async def test_varnish_keeps_no_answer_that_took_long(ports):
    """It may have been decided before a purge that came meanwhile. What is purged is asked for again."""
    front, behind = ports
    tag, slow = str(uuid4()), [0.5]

    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(slow[0])
        return web.Response(headers={"surrogate-key": tag, "cache-control": "public, max-age=60"})

    origin = StandIn(answer)
    origin.port = behind
    await origin.start()
    path = f"{IMAGES}/{tag}/file"
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{front}", timeout=30) as client:
        await answers(client)
        assert [(await client.get(path)).headers["x-cache"] for _ in range(3)] == ["miss"] * 3
        slow[0] = 0
        await is_kept(client, path)
        asked = len(origin.asked)
        for keys, status in (("x", 400), ("", 400), (f"{uuid4()} {tag}", 200)):
            assert (await client.request("PURGE", "/", headers={"surrogate-key": keys})).status_code == status
        await client.get(path)
        assert len(origin.asked) == asked + 1
    await origin.stop()


async def test_varnish_holds_nothing_of_what_it_may_not_keep(ports, tmp_path):
    """Not for long: there is no end of addresses where nothing is."""
    front, behind = ports
    origin = StandIn(lambda _: web.Response(status=404))
    origin.port = behind
    await origin.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{front}", timeout=30) as client:
        await answers(client)
        for _ in range(20):
            assert (await client.get(f"{IMAGES}/{uuid4()}/file")).status_code == 404

        def is_empty() -> None:
            assert objects_in_varnish(tmp_path) == 0

        await eventually(is_empty)
    await origin.stop()


async def test_who_has_changed_something_is_answered_by_the_gateway(ports):
    """Whether his token comes as a header or as a cookie; other cookies change nothing."""
    front, behind = ports
    origin = StandIn(lambda _: web.Response(headers={"surrogate-key": str(uuid4()), "cache-control": "max-age=60"}))
    origin.port = behind
    await origin.start()
    path = f"{IMAGES}/{uuid4()}/file"
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{front}", timeout=30) as client:
        await answers(client)
        await is_kept(client, path)
        cookie = f"{COOKIE}=of-a-change"
        for headers in ({TOKEN: "of-a-change"}, {"cookie": cookie}, {"cookie": f"a=b; {cookie}"}):
            shown = await client.get(path, headers=headers)
            assert shown.headers["x-cache"] == "miss"
            assert headers.items() <= {name.lower(): value for name, value in origin.asked[-1].headers.items()}.items()
        asked = len(origin.asked)
        assert (await client.get(path, headers={"cookie": f"not_{cookie}"})).headers["x-cache"] == "hit"
        assert len(origin.asked) == asked
    await origin.stop()


async def test_varnish_says_last_who_has_asked_it(ports):
    """So a gateway that trusts it believes nothing that the client has written before that."""
    front, behind = ports
    origin = StandIn(lambda _: web.Response())
    origin.port = behind
    await origin.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{front}", timeout=30) as client:
        await answers(client)
        await client.get(IMAGES, headers={"X-Forwarded-For": "192.0.2.7"})
        assert origin.asked[-1].headers["X-Forwarded-For"] == "192.0.2.7, 127.0.0.1"
    await origin.stop()


async def test_a_cache_that_fails_holds_nobody_up_and_is_told_later(serve):
    """The deletion is answered, and a worker tells the cache until it has heard."""
    hook = StandIn(lambda _: web.Response(status=503))
    await hook.start()
    write = await serve(open_write, CHITRAM_CDN=f"http://{hook.address}/purge", CHITRAM_CDN_TOKEN="s3cret")
    uploaded = (await write.post(f"{IMAGES}/upload", files={"file": ("a.jpg", jpeg())})).json()
    deleted = await write.delete(f"{IMAGES}/{uploaded['id']}", headers={"x-delete-token": uploaded["delete_token"]})
    assert deleted.status_code == 204
    hook.answer = lambda _: web.Response(status=204)
    told = len(hook.asked)
    assert told == 1
    await serve(open_worker, CHITRAM_RENDER_PROCESSES="1")

    def is_told() -> None:
        assert uploaded["id"].encode() in b"".join(hook.bodies[told:])

    await eventually(is_told)
    assert hook.asked[-1].headers["authorization"] == "Bearer s3cret"
    await hook.stop()


async def test_addresses_of_bytes_begin_with_the_public_url(serve):
    """In answers to changes, in views, in lists and in links, which open all the same."""
    origin = "https://img.example"
    write = await serve(open_write, CHITRAM_PUBLIC_URL=origin)
    read = await serve(open_read)
    ann = await person(write)
    files, fields = {"file": ("a.jpg", jpeg())}, {"visibility": "private"}
    uploaded = await write.post(f"{IMAGES}/upload", files=files, data=fields, headers=ann.headers)
    path, fresh = f"{IMAGES}/{uploaded.json()['id']}", {TOKEN: uploaded.headers[TOKEN]}
    assert (uploaded.json()["url"], uploaded.headers["location"]) == (f"{origin}{path}/file", path)
    shown = await read.get(path, headers=ann.headers | fresh)
    listed = await read.get(f"{IMAGES}?owner=me", headers=ann.headers | fresh)
    assert [shown.json()["url"], listed.json()["items"][0]["url"]] == [f"{origin}{path}/file"] * 2
    link = (await write.post(f"{path}/links", json={"expires_in": 60}, headers=ann.headers)).json()["url"]
    assert link.startswith(f"{origin}{path}/file?")
    assert (await read.get(link.removeprefix(origin), headers=fresh)).status_code == 200
