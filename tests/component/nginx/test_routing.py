"""Who gets which request, and what nginx tells them."""

import asyncio

import httpx
import pytest
from aiohttp import web

from deploy.local import ports
from infrastructure.nginx.render import Patience
from tests.eventually import eventually

IMAGE = "/api/v1/images/018f0000-0000-7000-8000-000000000000"


async def test_reads_go_round_and_changes_go_to_write(scene):
    """GET and HEAD reach the read services in turn, everything else the write service."""
    answers = [(await scene.client.get(IMAGE)).text for _ in range(4)]
    assert sorted(answers) == ["one", "one", "two", "two"]
    assert (await scene.client.head(IMAGE)).status_code == 200
    for method in ("POST", "PATCH", "PUT", "DELETE", "OPTIONS"):
        assert (await scene.client.request(method, f"{IMAGE}?a=%2F&b=1")).text == "write"
    assert {request.raw_path for request in scene.write.asked} == {f"{IMAGE}?a=%2F&b=1"}
    assert {request.method for request in scene.reads} == {"GET", "HEAD"}


@pytest.mark.parametrize("path", ["/health", "/openapi.json", "/docs", "/docs/start.js"])
async def test_public_paths_reach_read(scene, path):
    """The few paths outside the API are answered by a read service."""
    assert (await scene.client.get(path)).text in {"one", "two"}


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/health/live",
        "/health/ready",
        "//metrics",
        "/api/../metrics",
        "/%6detrics",
        "/",
        "/_s3/1/a/b/c",
        "/_file/1/disk/x",
        "/_write",
        "/_problem/413",
    ],
)
async def test_inner_paths_are_closed(scene, path):
    """What is for operators and what is nginx's own can't be reached from outside."""
    answer = await scene.client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert not scene.reads


async def test_services_learn_the_client_from_nginx_alone(scene):
    """Headers by which a client could pretend to be somebody else, or nginx, are overwritten."""
    lies = dict.fromkeys(("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP", "Forwarded"), "lie")
    await scene.client.get(IMAGE, headers=lies | {"Host": "pictures.example"})
    (asked,) = scene.reads
    assert asked.headers["X-Forwarded-For"] == "127.0.0.1"
    assert asked.headers["X-Forwarded-Proto"] == "http"
    assert asked.headers["X-Forwarded-Host"] == asked.headers["Host"] == "pictures.example"
    assert not {"X-Real-IP", "Forwarded", "Connection"} & set(asked.headers)


@pytest.mark.parametrize(
    ("peer", "trusted", "client"),
    [
        ("127.0.0.1", ("127.0.0.1",), "192.0.2.7"),
        ("127.0.0.1", ("127.0.0.0/30", "192.0.2.0/24"), "198.51.100.9"),
        ("127.0.0.5", ("127.0.0.1",), "127.0.0.5"),
    ],
)
async def test_only_a_trusted_proxy_is_believed_who_the_client_is(scene, peer, trusted, client):
    """It is the last address that no trusted proxy has: what stands before it the client itself may have written."""
    await scene.reconfigure(trusted=trusted)
    way = httpx.AsyncHTTPTransport(local_address=peer)
    async with httpx.AsyncClient(base_url=scene.client.base_url, transport=way, timeout=20) as proxy:
        await proxy.get(IMAGE, headers={"X-Forwarded-For": "203.0.113.1, 198.51.100.9, 192.0.2.7"})
    assert scene.reads[-1].headers["X-Forwarded-For"] == client


@pytest.mark.parametrize(("sent", "kept"), [("abc-1.2_3", True), ("x" * 64, True), ("x" * 65, False), ("a b", False)])
async def test_request_id_is_taken_if_sane(scene, sent, kept):
    """A sane request id is passed on and answered, any other is replaced by one of our own."""
    answer = await scene.client.get(IMAGE, headers={"X-Request-ID": sent})
    (asked,) = scene.reads
    assert answer.headers.get_list("X-Request-ID") == [asked.headers["X-Request-ID"]]
    assert (asked.headers["X-Request-ID"] == sent) is kept


async def test_service_that_stops_costs_no_read(scene):
    """With one read service gone, every GET is answered by the other."""
    await scene.read.stop()
    answers = [await scene.client.get(path) for path in (IMAGE, f"{IMAGE}/file") * 10]
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, "two")}


async def test_service_that_returns_gets_its_share_again(scene):
    """A read service that was gone is used again once it answers."""
    await scene.read.stop()
    for _ in range(4):
        await scene.client.get(IMAGE)
    await scene.read.start()

    async def both_answer() -> None:
        assert {(await scene.client.get(IMAGE)).text for _ in range(4)} == {"one", "two"}

    await eventually(both_answer)


async def test_connections_to_services_are_kept(scene):
    """Requests one after another share a connection to the service."""
    for _ in range(6):
        await scene.client.get(IMAGE)
    assert len({request.transport for request in scene.reads}) <= 2


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
async def test_change_is_never_sent_twice(scene, method):
    """When the write service dies with a request in hand, nobody else gets that request."""

    def die(request: web.Request) -> web.Response:
        request.transport.abort()
        return web.Response()

    scene.write.answer = die
    await scene.read.stop()
    await scene.reconfigure(write=(scene.write.address, scene.other_read.address), read=(scene.write.address,))
    answers = await asyncio.gather(*(scene.client.request(method, IMAGE, content=b"x") for _ in range(8)))
    failed = [answer for answer in answers if answer.status_code == 502]
    assert len(failed) == len(scene.write.asked) > 0
    assert len(scene.other_read.asked) == 8 - len(failed)


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
async def test_change_that_reached_nobody_is_handed_to_another_service(scene, method):
    """A write service that refuses connections costs no change, whatever its method, and no change is made twice."""
    gone = f"127.0.0.1:{ports.choose(1)[0]}"
    patience = Patience(max_fails=1, alone="1s")
    await scene.reconfigure(write=(gone, scene.write.address), patience=patience)
    answers = [await scene.client.request(method, IMAGE, content=b"body") for _ in range(6)]
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, "write")}
    assert scene.write.bodies == [b"body"] * 6


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_change_that_reaches_nobody_at_all_is_a_problem_document(scene, method):
    """With every write service gone the answer is 502, and says so in the usual form."""
    await scene.write.stop()
    answer = await scene.client.request(method, IMAGE, content=b"body")
    assert (answer.status_code, answer.json()["code"]) == (502, "SERVICE_UNAVAILABLE")


async def test_reload_loses_no_request(scene):
    """While read services come and go from the configuration, a client that keeps its connection sees no failure."""
    done = asyncio.Event()

    async def ask() -> int:
        count = 0
        while not done.is_set():
            answer = await scene.client.get(IMAGE)
            assert answer.status_code == 200
            count += 1
        return count

    asking = [asyncio.create_task(ask()) for _ in range(4)]
    both = (scene.read.address, scene.other_read.address)
    for read in (both[:1], both, both[1:], both):
        await scene.reconfigure(read=read)
    done.set()
    assert min(await asyncio.gather(*asking)) > 0
