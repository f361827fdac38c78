"""nginx moves the bytes, out of its cache, into which a read service lets only what is right."""

import httpx
import pytest
from aiohttp import web

from tests.component.nginx.conftest import CHECKSUM, MODIFIED, PICTURE, TAG, deliver, new_key

FILE = "/api/v1/images/018f0000-0000-7000-8000-000000000000/file"


@pytest.fixture
def delivered(scene):
    """An object whose read service sends nginx to it."""
    key = new_key()
    scene.answer_reads(lambda _: deliver(key))
    return key


async def test_bytes_arrive_with_the_headers_of_the_read_service(scene, delivered):
    """The client gets the object, and what was decided of it; nothing of what came with the bytes."""
    answer = await scene.client.get(FILE)
    assert answer.content == PICTURE
    assert dict(answer.headers) | {"date": "", "x-request-id": ""} == {
        "server": "nginx",
        "date": "",
        "connection": "keep-alive",
        "content-type": "image/jpeg",
        "content-length": str(len(PICTURE)),
        "accept-ranges": "bytes",
        "etag": TAG,
        "last-modified": MODIFIED,
        "cache-control": "public, max-age=60",
        "content-disposition": 'inline; filename="a.jpg"',
        "x-request-id": "",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
        "cross-origin-resource-policy": "cross-origin",
        "referrer-policy": "no-referrer",
    }


async def test_caches_before_the_gateway_are_told_what_to_purge_by(scene, delivered):
    """In the words of Varnish and Fastly, and in those of Cloudflare."""
    scene.answer_reads(lambda _: deliver(delivered, **{"Surrogate-Key": "the-image"}))
    found = (await scene.client.get(FILE)).headers
    assert (found["surrogate-key"], found["cache-tag"]) == ("the-image", "the-image")


async def test_vary_is_carried_over(scene, delivered):
    """A negotiated answer says what it varies on."""
    scene.answer_reads(lambda _: deliver(delivered, Vary="accept"))
    assert (await scene.client.get(FILE)).headers["Vary"] == "accept"


async def test_head_tells_the_length(scene, delivered):
    """HEAD answers as GET does, without the bytes, whether the object is in the cache or not."""
    for _ in range(2):
        answer = await scene.client.head(FILE)
        assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(len(PICTURE)))
        assert answer.headers["ETag"] == TAG
    assert (await scene.client.get(FILE)).content == PICTURE


@pytest.mark.parametrize(
    "headers",
    [{}, {"Range": "bytes=0-3"}, {"If-None-Match": "*"}, {"If-Modified-Since": "Fri, 21 Nov 2036 10:00:00 GMT"}],
)
async def test_what_a_read_service_sends_itself_passes_as_it_is(scene, headers):
    """A stand-in for a thumbnail that is being made comes whole, with what is said of it, and never from a cache."""
    said = {
        "Content-Type": "image/png",
        "Cache-Control": "no-store",
        "X-Chitram-Placeholder": "1",
        "Retry-After": "1",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Content-Disposition": 'inline; filename="a-small.png"',
    }
    scene.answer_reads(lambda _: web.Response(body=PICTURE[:500], headers=said))
    thumbnail = FILE.replace("file", "thumbnails/small")
    for count in (1, 2):
        answer = await scene.client.get(thumbnail, headers=headers)
        assert (answer.status_code, answer.content) == (200, PICTURE[:500])
        assert said.items() <= {name.title(): value for name, value in answer.headers.items()}.items()
        assert "Accept-Ranges" not in answer.headers
        assert len(scene.reads) == count
    head = await scene.client.head(thumbnail)
    assert (head.content, head.headers["Content-Length"]) == (b"", "500")


@pytest.mark.parametrize(
    ("wanted", "part", "said"),
    [
        ("bytes=0-99", slice(0, 100), "bytes 0-99/300000"),
        ("bytes=299990-", slice(299_990, None), "bytes 299990-299999/300000"),
        ("bytes=-10", slice(-10, None), "bytes 299990-299999/300000"),
        ("bytes=100-9999999", slice(100, None), "bytes 100-299999/300000"),
    ],
)
async def test_ranges(scene, delivered, wanted, part, said):
    """A part of the bytes can be had, from the first request on and from the cache."""
    for _ in range(2):
        answer = await scene.client.get(FILE, headers={"Range": wanted})
        assert (answer.status_code, answer.content) == (206, PICTURE[part])
        assert answer.headers["Content-Range"] == said
        assert answer.headers["ETag"] == TAG


async def test_range_outside_the_file(scene, delivered):
    """A range that the file doesn't have is refused with a problem document that tells the file's size."""
    answer = await scene.client.get(FILE, headers={"Range": "bytes=300000-"})
    assert (answer.status_code, answer.json()["code"]) == (416, "RANGE_NOT_SATISFIABLE")
    assert answer.headers["Content-Range"] == "bytes */300000"
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers.get_list("X-Request-ID") == [answer.json()["request_id"]]


@pytest.mark.parametrize(("condition", "status"), [(TAG, 206), ('"another"', 200), (MODIFIED, 206)])
async def test_range_of_the_same_bytes_only(scene, delivered, condition, status):
    """If-Range is decided by the read service's tag and date."""
    answer = await scene.client.get(FILE, headers={"Range": "bytes=0-9", "If-Range": condition})
    assert (answer.status_code, len(answer.content)) == (status, 10 if status == 206 else len(PICTURE))


async def test_not_modified_passes(scene):
    """The read service's 304 reaches the client; no object is fetched."""
    scene.answer_reads(lambda _: web.Response(status=304, headers={"ETag": TAG}))
    answer = await scene.client.get(FILE, headers={"If-None-Match": TAG})
    assert (answer.status_code, answer.headers["ETag"]) == (304, TAG)
    assert not scene.fetched


async def test_condition_that_fails_sends_the_bytes(scene, delivered):
    """A condition that the read service has found false doesn't stop nginx."""
    headers = {"If-None-Match": '"another"', "If-Modified-Since": "Sun, 01 Jan 2040 00:00:00 GMT"}
    for _ in range(2):
        assert (await scene.client.get(FILE, headers=headers)).content == PICTURE


@pytest.mark.parametrize(
    "condition", [{"If-Match": TAG}, {"If-Unmodified-Since": MODIFIED}, {"If-Match": TAG, "Range": "bytes=0-9"}]
)
async def test_precondition_is_left_to_the_read_service(scene, condition):
    """nginx doesn't judge again what the read service has judged."""
    key = new_key()
    scene.answer_reads(lambda _: deliver(key))
    for headers in (condition, {}, condition):
        answer = await scene.client.get(FILE, headers=headers)
        part = slice(10) if "Range" in headers else slice(None)
        assert (answer.status_code, answer.content) == (206 if "Range" in headers else 200, PICTURE[part])
        assert answer.headers["ETag"] == TAG
    assert (await scene.client.head(FILE, headers=condition)).status_code in {200, 206}


async def test_object_is_fetched_once_but_decided_each_time(scene):
    """The second request is served from the cache, wherever the copies are by then; the decision is made again."""
    key = new_key()
    scene.answer_reads(lambda _: deliver(key))
    await scene.client.get(FILE)
    scene.answer_reads(lambda _: deliver(key, placement="three,four"))
    assert (await scene.client.get(FILE)).content == PICTURE
    assert len(scene.fetched) == 1
    assert len(scene.reads) == 2
    scene.answer_reads(lambda _: web.Response(status=404))
    assert (await scene.client.get(FILE)).status_code == 404


async def test_other_bytes_are_fetched_anew(scene):
    """What was checked against one checksum is not served for another."""
    key = new_key()
    scene.answer_reads(lambda _: deliver(key))
    await scene.client.get(FILE)
    scene.answer_reads(lambda _: deliver(key, checksum="ab" * 32), lambda _: web.Response(body=PICTURE[::-1]))
    assert (await scene.client.get(FILE)).content == PICTURE[::-1]


async def test_a_read_service_is_told_what_the_object_must_be(scene):
    """Checksum, size and placement, and nothing of the client's; always with GET."""
    key = new_key()
    scene.answer_reads(lambda _: deliver(key))
    private = {"Authorization": "Bearer x", "Cookie": "a=b", "Range": "bytes=0-1", "X-Forwarded-For": "y"}
    await scene.client.head(FILE, headers=private)
    (asked,) = scene.fetched
    assert (asked.method, asked.path) == ("GET", f"/internal/objects/{key}")
    assert dict(asked.query) == {"sha256": CHECKSUM, "size": str(len(PICTURE)), "placement": "one,two"}
    assert not set(private) & set(asked.headers)


async def test_bytes_without_a_checksum_can_be_had(scene):
    """As of thumbnails that were made before checksums were recorded."""
    scene.answer_reads(lambda _: deliver(new_key(), checksum="-"))
    assert (await scene.client.get(FILE)).content == PICTURE
    assert scene.fetched[0].query["sha256"] == "-"


@pytest.mark.parametrize("status", [400, 404, 500, 503])
async def test_without_a_good_copy_there_is_a_problem(scene, status):
    """With none of the picture's headers, and nothing of it is kept."""
    key = new_key()
    scene.answer_reads(lambda _: deliver(key), lambda _: web.Response(status=status, text="none"))
    answer = await scene.client.get(FILE)
    assert (answer.status_code, answer.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert not {"etag", "content-disposition", "last-modified"} & set(answer.headers)
    assert answer.headers.get_list("Cache-Control") == ["no-store"]
    scene.answer_reads(lambda _: deliver(key))
    assert (await scene.client.get(FILE)).content == PICTURE


async def test_bytes_that_break_off_are_not_kept(scene):
    """The client sees that they are not all, and the next one gets all of them."""
    key = new_key()

    async def break_off(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": str(len(PICTURE))})
        await answer.prepare(request)
        await answer.write(PICTURE[:150_000])
        request.transport.close()
        return answer

    scene.answer_reads(lambda _: deliver(key), break_off)
    with pytest.raises(httpx.RemoteProtocolError):
        await scene.client.get(FILE)
    scene.answer_reads(lambda _: deliver(key))
    assert (await scene.client.get(FILE)).content == PICTURE


async def test_a_read_service_that_is_gone_is_made_up_for(scene):
    """Any other one can fetch the object."""
    await scene.read.stop()
    scene.answer_reads(lambda _: deliver(new_key()))
    for _ in range(4):
        assert (await scene.client.get(FILE)).content == PICTURE


async def test_object_that_is_cached_outlives_its_shards(scene, delivered):
    """Bytes in the cache are served while nothing can be fetched."""
    await scene.client.get(FILE)
    scene.answer_reads(lambda _: deliver(delivered), lambda _: web.Response(status=503))
    assert (await scene.client.get(FILE)).content == PICTURE


@pytest.mark.parametrize("path", ["/internal/objects/a/b", "/_object/-/1/one/a", "/internal/images/a"])
async def test_nobody_else_comes_to_what_is_inside(scene, path):
    """Clients find nothing there."""
    answer = await scene.client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert not scene.fetched


async def test_a_strange_key_is_not_asked_for(scene):
    """What no object can be called goes nowhere."""
    scene.answer_reads(lambda _: deliver("../secret"))
    assert (await scene.client.get(FILE)).status_code == 404
    assert not scene.fetched
