"""nginx moves the bytes: from a bucket through its cache, or from a directory."""

import pytest
from aiohttp import web

from tests.component.nginx.conftest import MODIFIED, PICTURE, TAG, deliver, new_key, stored

FILE = "/api/v1/images/018f0000-0000-7000-8000-000000000000/file"


@pytest.fixture(params=["bucket", "directory"])
def delivered(request, scene):
    """An object whose read service sends nginx to it; both kinds of shard."""
    key = new_key()
    if request.param == "directory":
        path = scene.directory / key
        path.parent.mkdir()
        path.write_bytes(PICTURE)
    shard = scene.shard if request.param == "bucket" else None
    scene.answer_reads(lambda _: deliver(key, shard=shard))
    return key


async def test_bytes_arrive_with_the_headers_of_the_read_service(scene, delivered):
    """The client gets the object, and what the read service says of it; nothing of what the shard says."""
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
    }


async def test_vary_is_carried_over(scene, delivered):
    """A negotiated answer says what it varies on."""
    answer = scene.read.answer

    def varying(request):
        response = answer(request)
        response.headers["Vary"] = "accept"
        return response

    scene.answer_reads(varying)
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
    """If-Range is decided by the read service's tag and date, not by the shard's."""
    answer = await scene.client.get(FILE, headers={"Range": "bytes=0-9", "If-Range": condition})
    assert (answer.status_code, len(answer.content)) == (status, 10 if status == 206 else len(PICTURE))


async def test_not_modified_passes(scene):
    """The read service's 304 reaches the client; no object is fetched."""
    scene.answer_reads(lambda _: web.Response(status=304, headers={"ETag": TAG}))
    answer = await scene.client.get(FILE, headers={"If-None-Match": TAG})
    assert (answer.status_code, answer.headers["ETag"]) == (304, TAG)
    assert not scene.shard.asked


async def test_condition_that_fails_sends_the_bytes(scene, delivered):
    """A condition that the read service has found false doesn't stop nginx."""
    headers = {"If-None-Match": '"another"', "If-Modified-Since": "Sun, 01 Jan 2040 00:00:00 GMT"}
    for _ in range(2):
        assert (await scene.client.get(FILE, headers=headers)).content == PICTURE


@pytest.mark.parametrize(
    "condition", [{"If-Match": TAG}, {"If-Unmodified-Since": MODIFIED}, {"If-Match": TAG, "Range": "bytes=0-9"}]
)
async def test_precondition_is_left_to_the_read_service(scene, condition):
    """nginx doesn't judge by the shard's tag and date what the read service has judged by its own."""
    key = new_key()
    scene.answer_reads(lambda _: deliver(key, shard=scene.shard))
    for headers in (condition, {}, condition):
        answer = await scene.client.get(FILE, headers=headers)
        part = slice(10) if "Range" in headers else slice(None)
        assert (answer.status_code, answer.content) == (206 if "Range" in headers else 200, PICTURE[part])
        assert answer.headers["ETag"] == TAG
    assert (await scene.client.head(FILE, headers=condition)).status_code in {200, 206}


async def test_precondition_on_a_file_of_a_directory(scene):
    """nginx knows no tag of such a file, so If-Match fails there: a problem document says so."""
    key = new_key()
    (scene.directory / key).parent.mkdir()
    (scene.directory / key).write_bytes(PICTURE)
    scene.answer_reads(lambda _: deliver(key))
    answer = await scene.client.get(FILE, headers={"If-Match": TAG})
    assert (answer.status_code, answer.json()["code"]) == (412, "VERSION_CONFLICT")
    assert answer.headers.get_list("X-Request-ID") == [answer.json()["request_id"]]
    assert answer.headers.get_list("Cache-Control") == ["no-store"]
    assert "Content-Disposition" not in answer.headers
    assert (await scene.client.get(FILE, headers={"If-Match": "*"})).status_code == 200


async def test_object_is_fetched_once_but_decided_each_time(scene):
    """The second request is served from the cache, however the object is signed; the read service is asked again."""
    key = new_key()
    scene.answer_reads(lambda _: deliver(key, shard=scene.shard))
    await scene.client.get(FILE)
    scene.answer_reads(lambda _: deliver(key, bucket="shard-2", shard=scene.shard))
    assert (await scene.client.get(FILE)).content == PICTURE
    assert len(scene.shard.asked) == 1
    assert len(scene.reads) == 2
    scene.answer_reads(lambda _: web.Response(status=404))
    assert (await scene.client.get(FILE)).status_code == 404


async def test_shard_is_asked_as_it_was_signed(scene):
    """The shard gets GET, the signed Host and query, and nothing of the client's."""
    key = new_key()
    scene.answer_reads(lambda _: deliver(key, shard=scene.shard))
    private = {
        "Authorization": "Bearer x",
        "Cookie": "a=b",
        "Range": "bytes=0-1",
        "If-Match": "*",
        "X-Forwarded-For": "y",
    }
    await scene.client.head(FILE, headers={name: value for name, value in private.items() if name != "If-Match"})
    (asked,) = scene.shard.asked
    assert (asked.method, asked.raw_path) == ("GET", f"/shard-1/{key}?X-Amz-Signature=s")
    assert asked.headers["Host"] == scene.shard.address
    assert not set(private) & set(asked.headers)


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
async def test_next_copy_is_asked_for(scene, status):
    """When a shard can't give the object, the read service is told which attempt failed and names another copy."""
    key = new_key()

    def choose(request: web.Request) -> web.Response:
        failed = int(request.headers.get("X-Chitram-Failed-Attempt", "0"))
        return deliver(key, bucket=f"shard-{failed + 1}", attempt=failed + 1, shard=scene.shard)

    def second_only(request: web.Request) -> web.Response:
        return stored(request) if request.path.startswith("/shard-2/") else web.Response(status=status, text="<xml/>")

    scene.answer_reads(choose)
    scene.shard.answer = second_only
    answer = await scene.client.get(f"{FILE}?download=1", headers={"Range": "bytes=0-9", "Accept": "image/webp"})
    assert (answer.status_code, answer.content) == (206, PICTURE[:10])
    assert [request.headers.get("X-Chitram-Failed-Attempt") for request in scene.reads if request] in (
        [None, "1"],
        ["1", None],
    )
    assert {(request.raw_path, request.headers["Accept"]) for request in scene.reads} == {
        (f"{FILE}?download=1", "image/webp")
    }
    assert answer.headers.get_list("ETag") == [TAG]


async def test_shard_that_is_gone_hands_over_to_the_directory(scene):
    """A shard that refuses connections is a failed attempt like any other."""
    key = new_key()
    (scene.directory / key).parent.mkdir()
    (scene.directory / key).write_bytes(PICTURE)
    await scene.shard.stop()

    def choose(request: web.Request) -> web.Response:
        return (
            deliver(key, attempt=2)
            if "X-Chitram-Failed-Attempt" in request.headers
            else deliver(key, shard=scene.shard)
        )

    scene.answer_reads(choose)
    assert (await scene.client.get(FILE)).content == PICTURE


@pytest.mark.parametrize("kind", ["bucket", "directory", "unknown endpoint", "unknown directory"])
async def test_last_copy_has_failed(scene, kind):
    """When there is no copy left, the read service's problem is the answer, with none of the picture's headers."""
    scene.shard.answer = lambda _: web.Response(status=404)

    def choose(request: web.Request) -> web.Response:
        if "X-Chitram-Failed-Attempt" in request.headers:
            return web.json_response(
                {"code": "SERVICE_UNAVAILABLE"}, status=503, content_type="application/problem+json"
            )
        answer = deliver(new_key(), shard=scene.shard if kind == "bucket" else None)
        if kind == "unknown endpoint":
            answer.headers["X-Accel-Redirect"] = f"/_s3/1/127.0.0.1:1/shard-1/{new_key()}?a=b"
        if kind == "unknown directory":
            answer.headers["X-Accel-Redirect"] = f"/_file/1/elsewhere/{new_key()}"
        return answer

    scene.answer_reads(choose)
    answer = await scene.client.get(FILE)
    assert (answer.status_code, answer.json()) == (503, {"code": "SERVICE_UNAVAILABLE"})
    assert not {"etag", "cache-control", "content-disposition", "last-modified"} & set(answer.headers)
    assert answer.headers["Content-Type"].startswith("application/problem+json")


async def test_object_that_is_cached_outlives_its_shard(scene):
    """Bytes in the cache are served while the shard is gone."""
    key = new_key()
    scene.answer_reads(lambda _: deliver(key, shard=scene.shard))
    await scene.client.get(FILE)
    await scene.shard.stop()
    assert (await scene.client.get(FILE)).content == PICTURE


async def test_key_can_not_leave_its_directory(scene):
    """A key with dots in it finds nothing."""
    (scene.directory.parent / "secret").write_text("secret")

    def choose(request: web.Request) -> web.Response:
        failed = "X-Chitram-Failed-Attempt" in request.headers
        return web.Response(status=503, text="none") if failed else deliver("../secret")

    scene.answer_reads(choose)
    answer = await scene.client.get(FILE)
    assert "secret" not in answer.text
    assert answer.status_code != 200
