"""What the gateway adds to answers for the safety of browsers, and how it holds up floods."""

import asyncio
from collections import Counter

import pytest
from aiohttp import web

from infrastructure.nginx.render import Pace
from tests.component.nginx.conftest import PICTURE, deliver, new_key
from tests.eventually import becomes, eventually

IMAGE = "/api/v1/images/018f0000-0000-7000-8000-000000000000"
POLICY = "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize("path", ["/api/v1/images", "/health", "/nothing", f"{IMAGE}/file?\xff"])
async def test_every_answer_is_inert_in_a_browser(scene, path):
    """Answers of services and nginx's own: no type is guessed, nothing is run, framed, or embedded elsewhere."""
    headers = (await scene.client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == POLICY
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"


async def test_a_page_brings_its_own_policy(scene):
    """What a service says of its answer is not said twice."""
    own = {"Content-Security-Policy": "default-src 'self'", "Cross-Origin-Resource-Policy": "cross-origin"}
    scene.answer_reads(lambda _: web.Response(text="a page", headers=own))
    headers = (await scene.client.get("/docs")).headers
    assert headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert headers.get_list("cross-origin-resource-policy") == ["cross-origin"]


async def test_bytes_say_which_pages_may_read_them(scene):
    """As the read service has decided, and that it depends on who asks."""
    key = new_key()
    allowed = {"Access-Control-Allow-Origin": "https://gallery.example", "Vary": "origin"}
    scene.answer_reads(lambda _: deliver(key, **allowed))
    answer = await scene.client.get(f"{IMAGE}/file")
    assert answer.content == PICTURE
    assert answer.headers["access-control-allow-origin"] == "https://gallery.example"
    assert answer.headers["vary"] == "origin"


async def test_a_flood_from_one_address_is_held_up(scene):
    """Beyond the pace it gets problem documents, and the services do not hear of it."""
    await scene.reconfigure(pace=Pace(requests=1, connections=1000))

    async def is_held_up() -> None:
        answers = await asyncio.gather(*(scene.client.get("/api/v1/images") for _ in range(20)))
        statuses = Counter(answer.status_code for answer in answers)
        assert statuses[429] > 10
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.json()["code"] == "RATE_LIMIT_EXCEEDED"
        assert refused.headers["retry-after"] == "1"

    await eventually(is_held_up)


async def test_one_address_has_so_many_connections_and_no_more(scene):
    """Slow requests of one client leave room for others."""
    over = asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        await over.wait()
        return web.Response(text="done")

    scene.read.answer = scene.other_read.answer = slow
    await scene.reconfigure(pace=Pace(requests=1000, connections=2))
    slow_ones = [asyncio.create_task(scene.client.get("/api/v1/images")) for _ in range(2)]
    try:
        await becomes(lambda: len(scene.reads), 2)  # before them a third one would have the place of one
        assert (await scene.client.get("/api/v1/images")).status_code == 429
    finally:
        over.set()
    assert [answer.status_code for answer in await asyncio.gather(*slow_ones)] == [200, 200]
