"""nginx's own errors are problem documents."""

import asyncio
import json

import pytest
from aiohttp import web

from tests.component.nginx.conftest import deliver, new_key
from tests.eventually import eventually

IMAGE = "/api/v1/images/018f0000-0000-7000-8000-000000000000"
UPLOAD = "/api/v1/images/upload"


async def raw(scene, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Sends bytes as they are and gives status, headers and body of what comes back."""
    reader, writer = await asyncio.open_connection(*scene.server.address)
    writer.write(request)
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    body = await reader.readexactly(int(headers["content-length"]))
    writer.close()
    return int(first.split()[1]), headers, body


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /api/v1/images HTTP/1.1\r\n\r\n", 400),
        (b"GET /api/v1/images HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /api/v1/images/%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400),
        (b"GET /api/v1/images/\xff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400),
        (b"GET /api/%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"x" * 20_000), 414),
        (b"GET /api/v1/images HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n" % (b"x" * 20_000), 431),
        (b"TRACE /api/v1/images HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 405),
        (b"BREW /api/v1/images HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 405),
        (b"POST /api/v1/images HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET /health?\xff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400),
        (b"POST /api/v1/images HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET /api/v1/images HTTP/3.0\r\nHost: a\r\n\r\n", 505),
    ],
)
async def test_request_that_is_not_http(scene, request_bytes, status):
    """What nginx can't understand is refused with a problem document and a request id."""
    answered, headers, body = await raw(scene, request_bytes)
    problem = json.loads(body)
    assert (answered, problem["status"]) == (status, status)
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-request-id"] == problem["request_id"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["server"] == "nginx"
    assert not scene.reads


async def test_problem_has_every_field(scene):
    """A problem document has the fields of the API's contract."""
    answer = await scene.client.get("/nothing", headers={"X-Request-ID": "mine"})
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this address.",
        "code": "NOT_FOUND",
        "details": {},
        "request_id": "mine",
    }
    assert answer.headers["Cache-Control"] == "no-store"


async def test_head_of_a_problem_has_no_body(scene):
    """HEAD gets a problem's headers alone."""
    answer = await scene.client.head("/nothing")
    assert (answer.status_code, answer.content) == (404, b"")
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_body_over_the_limit_is_refused_at_its_header(scene):
    """A body that says it is too large is refused before it is sent."""
    answered, _, body = await raw(
        scene, f"POST {UPLOAD} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n".encode()
    )
    problem = json.loads(body)
    assert (answered, problem["code"], problem["details"]) == (413, "FILE_TOO_LARGE", {"limit": 100_000})
    assert not scene.write.asked


async def test_body_over_the_limit_without_a_length(scene):
    """A body that doesn't say its length is refused when it passes the limit."""

    async def chunks():
        for _ in range(40):
            yield b"x" * 100_000

    answer = await scene.client.post(UPLOAD, content=chunks())
    assert (answer.status_code, answer.json()["code"]) == (413, "FILE_TOO_LARGE")
    assert not scene.write.asked


async def test_form_may_be_a_little_longer_than_its_file(scene):
    """A file of the greatest size passes with the form around it; the service measures it."""
    assert (await scene.client.post(UPLOAD, content=b"x" * 120_000)).text == "write"
    assert scene.write.bodies == [b"x" * 120_000]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_no_service_is_there(scene, method):
    """Without a service to ask, the caller is told to try again."""
    for standin in (scene.read, scene.other_read, scene.write):
        await standin.stop()
    answer = await scene.client.request(method, IMAGE)
    assert (answer.status_code, answer.json()["code"]) == (502, "SERVICE_UNAVAILABLE")
    assert answer.headers["Retry-After"] == "1"


async def test_problems_of_services_pass_unchanged(scene):
    """What a service says of an error is not replaced."""
    said = {"code": "IMAGE_NOT_FOUND", "status": 404}
    scene.answer_reads(lambda _: web.json_response(said, status=404, content_type="application/problem+json"))
    answer = await scene.client.get(IMAGE)
    assert (answer.status_code, answer.json()) == (404, said)
    assert answer.headers.get_list("X-Content-Type-Options") == ["nosniff"]


async def test_secrets_stay_out_of_the_log(scene):
    """A request that fails is logged without its query, and without the inner address of an object."""
    await scene.write.stop()
    scene.answer_reads(lambda _: deliver(new_key()), lambda _: web.Response(status=503))
    assert (await scene.client.delete(f"{IMAGE}?delete_token=secret")).status_code == 502
    assert (await scene.client.get(f"{IMAGE}/file")).status_code == 503

    async def both_are_logged() -> None:
        assert {502, 503} <= {json.loads(line)["status"] for line in scene.running.log.read_text().splitlines()}

    await eventually(both_are_logged)
    log = scene.running.log.read_text()
    assert "secret" not in log
    assert "_object" not in log
