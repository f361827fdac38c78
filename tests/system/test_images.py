"""A picture's life through nginx: upload, look, change, list, delete."""

import hashlib
import socket
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from tests.eventually import eventually
from tests.pictures import jpeg, png_with_transparency, size_of

IMAGES = "/api/v1/images"
ABSENT = "018f3c5e-0000-7000-8000-000000000000"


def upload(api: httpx.Client, data: bytes, name: str = "photo.jpg", **fields: str) -> dict:
    answer = api.post(f"{IMAGES}/upload", files={"file": (name, data, "image/jpeg")}, data=fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def ready(api: httpx.Client, image_id: str) -> dict:
    """Its view, when every read service has heard that it is ready."""

    def is_ready() -> dict:
        views = [api.get(f"{IMAGES}/{image_id}").json() for _ in range(6)]
        assert [view.get("status") for view in views] == ["ready"] * len(views)
        return views[0]

    return await eventually(is_ready)


async def visible(api: httpx.Client, image_id: str) -> None:
    def is_there() -> None:
        assert api.get(f"{IMAGES}/{image_id}").status_code == 200

    await eventually(is_there)


def test_an_upload_answers_with_its_view_where_it_is_and_the_token_that_deletes_it(api):
    """201 with the facts of the stored bytes, Location, and a token shown this once."""
    data = jpeg(640, 480)
    answer = api.post(
        f"{IMAGES}/upload", files={"file": ("sea.jpg", data)}, data={"tags": "sea, sun", "description": "Calm"}
    )
    view = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{IMAGES}/{view['id']}"
    assert view["checksum"] == hashlib.sha256(data).hexdigest()
    assert (view["width"], view["height"], view["frames"], view["file_size"]) == (640, 480, 1, len(data))
    assert (view["content_type"], view["filename"], view["status"]) == ("image/jpeg", "sea.jpg", "processing")
    assert (view["tags"], view["description"], view["version"]) == (["sea", "sun"], "Calm", 1)
    assert len(view["delete_token"]) >= 43
    assert "delete_token" not in api.get(answer.headers["location"]).json()


async def test_a_picture_becomes_ready_and_its_bytes_come_back_as_they_were(api):
    """The file is served byte for byte, with its hash as its tag, and thumbnails fit their boxes."""
    data = jpeg(1200, 900)
    view = await ready(api, upload(api, data)["id"])
    file = api.get(view["url"])
    assert file.content == data
    assert file.headers["content-type"] == "image/jpeg"
    assert file.headers["etag"] == f'"{hashlib.sha256(data).hexdigest()}"'
    assert file.headers["x-content-type-options"] == "nosniff"
    assert file.headers["content-security-policy"] == "default-src 'none'; sandbox"
    for name, box in {"small": 150, "medium": 300, "large": 800}.items():
        webp = api.get(view["thumbnails"][name]["url"], headers={"accept": "image/webp"})
        assert webp.headers["content-type"] == "image/webp"
        assert webp.headers["vary"].lower() == "accept"
        assert size_of(webp.content) == (box, box * 3 // 4)
        assert api.get(view["thumbnails"][name]["url"]).headers["content-type"] == "image/jpeg"
    assert api.get(view["thumbnail_url"]).content == api.get(view["thumbnails"]["medium"]["url"]).content


async def test_transparency_is_kept_for_clients_that_know_png_only(api):
    """Where a picture has transparency the classic format is PNG."""
    view = await ready(api, upload(api, png_with_transparency(), "logo.png")["id"])
    assert api.get(view["thumbnail_url"]).headers["content-type"] == "image/png"


@pytest.mark.parametrize("part", ["file", "thumbnails/large"])
async def test_ranges_and_conditional_requests_are_right_also_from_the_cache(api, part):
    """206, 416, 304 and HEAD, the first time and when nginx has the object in its cache."""
    view = await ready(api, upload(api, jpeg(1000, 800))["id"])
    url = f"{IMAGES}/{view['id']}/{part}"
    whole = api.get(url)
    for _ in range(2):
        some = api.get(url, headers={"range": "bytes=10-19"})
        assert (some.status_code, some.content) == (206, whole.content[10:20])
        assert some.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
        assert api.get(url, headers={"range": "bytes=-5"}).content == whole.content[-5:]
        beyond = api.get(url, headers={"range": f"bytes={len(whole.content)}-"})
        assert (beyond.status_code, beyond.json()["code"]) == (416, "RANGE_NOT_SATISFIABLE")
        assert api.get(url, headers={"if-none-match": whole.headers["etag"]}).status_code == 304
        assert api.get(url, headers={"if-none-match": '"other"'}).status_code == 200
        assert api.get(url, headers={"if-modified-since": whole.headers["last-modified"]}).status_code == 304
        head = api.head(url)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(whole.content))
        assert head.headers["etag"] == whole.headers["etag"]
        assert api.get(url).content == whole.content


async def test_a_range_is_given_only_of_the_bytes_that_the_client_means(api):
    """If-Range with another tag gets the whole file."""
    view = await ready(api, upload(api, jpeg(300, 200))["id"])
    etag = api.get(view["url"]).headers["etag"]
    assert api.get(view["url"], headers={"range": "bytes=0-9", "if-range": etag}).status_code == 206
    assert api.get(view["url"], headers={"range": "bytes=0-9", "if-range": '"other"'}).status_code == 200


async def test_a_download_is_named_after_the_picture(api):
    """`?download=1` makes it an attachment with the name that was given, encoded."""
    name = "../Größe 日本.jpg"
    view = upload(api, jpeg(), name)
    assert view["filename"] == name
    await visible(api, view["id"])
    disposition = api.get(view["url"], params={"download": "1"}).headers["content-disposition"]
    assert disposition.startswith("attachment; ")
    assert "filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%E6%97%A5%E6%9C%AC.jpg" in disposition


async def test_words_can_be_changed_by_who_uploaded_and_only_for_the_version_they_saw(api):
    """PATCH with the token; a stale If-Match is refused; the new words are seen everywhere."""
    uploaded = upload(api, jpeg())
    url, token = f"{IMAGES}/{uploaded['id']}", {"x-delete-token": uploaded["delete_token"]}
    version = (await ready(api, uploaded["id"]))["version"]
    changed = api.patch(url, json={"tags": ["new"], "filename": "b.jpg"}, headers={**token, "if-match": f'"{version}"'})
    assert changed.status_code == 200
    assert (changed.json()["tags"], changed.json()["version"]) == (["new"], version + 1)
    stale = api.patch(url, json={"description": "x"}, headers={**token, "if-match": f'"{version}"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "VERSION_CONFLICT")
    assert api.patch(url, json={"description": "x"}).json()["code"] == "DELETE_TOKEN_REQUIRED"
    assert api.patch(url, json={"filename": 5}, headers=token).status_code == 422
    assert api.patch(url, content=b"{", headers=token).status_code == 400

    def every_reader_knows() -> None:
        for _ in range(6):
            view = api.get(url)
            assert view.json()["filename"] == "b.jpg"
            assert view.headers["etag"] == f'"{version + 1}"'

    await eventually(every_reader_knows)


async def test_a_deleted_picture_is_gone_its_file_thumbnails_and_place_in_lists_too(api):
    """Only the token deletes; afterwards everything about it is 404."""
    tag = f"t{uuid4().hex[:12]}"
    uploaded = upload(api, jpeg(), tags=tag)
    view = await ready(api, uploaded["id"])
    url = f"{IMAGES}/{uploaded['id']}"
    assert api.get(view["url"]).status_code == 200
    assert api.delete(url).json()["code"] == "DELETE_TOKEN_REQUIRED"
    wrong = api.delete(url, headers={"x-delete-token": "wrong"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "INVALID_DELETE_TOKEN")
    assert api.delete(url, params={"delete_token": uploaded["delete_token"]}).status_code == 204

    def gone() -> None:
        for _ in range(6):
            for path in (url, view["url"], view["thumbnail_url"], f"{url}/thumbnails/small"):
                answer = api.get(path)
                assert answer.status_code == 404
                assert answer.json()["code"] == "IMAGE_NOT_FOUND"
            assert api.get(IMAGES, params={"tags": tag}).json()["items"] == []

    await eventually(gone)
    again = api.delete(url, headers={"x-delete-token": uploaded["delete_token"]})
    assert again.status_code == 404


async def test_lists_are_newest_first_page_by_page_and_filtered(api):
    """Every picture with the tags exactly once, in order, whatever the page size."""
    tag = f"t{uuid4().hex[:12]}"
    ids = [upload(api, jpeg(), tags=f"{tag},{'even' if n % 2 == 0 else 'odd'}")["id"] for n in range(5)]
    png = upload(api, png_with_transparency(), "a.png", tags=tag)["id"]
    upload(api, jpeg(), tags=tag, visibility="unlisted")

    def listed(**query: str) -> list[str]:
        found, cursor = [], {}
        while True:
            page = api.get(IMAGES, params={"tags": tag, "limit": "2", **query, **cursor}).json()
            found += [item["id"] for item in page["items"]]
            if page["next_cursor"] is None:
                return found
            cursor = {"cursor": page["next_cursor"]}

    def complete() -> None:
        assert listed() == [png, *reversed(ids)]

    await eventually(complete)
    assert listed(content_type="image/png") == [png]
    assert listed(tags=f"{tag},even") == [ids[4], ids[2], ids[0]]
    assert listed(tags=f"{tag},none") == []


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "1000"}, {"limit": "x"}, {"cursor": "broken"}])
def test_a_list_that_can_not_be_meant_is_refused(api, query):
    """400 with a code, not a guess."""
    answer = api.get(IMAGES, params=query)
    assert answer.status_code == 400
    assert answer.json()["code"] == ("INVALID_CURSOR" if "cursor" in query else "INVALID_REQUEST")


def problem(answer: httpx.Response) -> tuple[int, str]:
    document = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(document) == {"type", "title", "status", "detail", "code", "details", "request_id"}
    assert document["status"] == answer.status_code
    assert document["request_id"] == answer.headers["x-request-id"]
    return answer.status_code, document["code"]


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("empty.jpg", b"", (400, "EMPTY_FILE")),
        ("text.jpg", b"just some words, whatever the name says", (400, "INVALID_FILE_FORMAT")),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", (400, "INVALID_FILE_FORMAT")),
        ("cut.jpg", jpeg()[:200], (400, "INVALID_IMAGE")),
    ],
)
def test_what_is_no_whole_picture_is_refused(api, name, data, expected):
    """The bytes decide, not the name."""
    assert problem(api.post(f"{IMAGES}/upload", files={"file": (name, data)})) == expected


def test_a_form_without_a_file_is_refused(api):
    """With other fields, as another kind of body, and with no body at all."""
    assert problem(api.post(f"{IMAGES}/upload", files={"other": ("a.jpg", jpeg())})) == (422, "MISSING_FILE")
    assert problem(api.post(f"{IMAGES}/upload", json={"file": "x"})) == (422, "MISSING_FILE")
    assert problem(api.post(f"{IMAGES}/upload")) == (422, "MISSING_FILE")


def test_a_file_over_the_limit_is_refused_before_it_is_sent(api):
    """The declared length is enough: the answer comes although no byte of the body was sent."""
    where = urlsplit(str(api.base_url))
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        connection.sendall(
            b"POST /api/v1/images/upload HTTP/1.1\r\nHost: test\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            b"Content-Length: 500000000\r\n\r\n"
        )
        answer = b""
        while b'"code"' not in answer:
            piece = connection.recv(65536)
            assert piece
            answer += piece
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in answer
    assert b"FILE_TOO_LARGE" in answer


@pytest.mark.parametrize("name", ["../../etc/passwd.jpg", "n" * 296 + ".jpg", "日本の写真.jpg"])
async def test_a_strange_name_is_kept_for_display(api, name):
    """Names are never used in a path, so they can be what they are."""
    view = upload(api, jpeg(), name)
    assert view["filename"] == name
    await visible(api, view["id"])
    assert api.get(view["url"]).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", f"{IMAGES}/not-an-id", (404, "IMAGE_NOT_FOUND")),
        ("GET", f"{IMAGES}/{ABSENT}", (404, "IMAGE_NOT_FOUND")),
        ("GET", f"{IMAGES}/{ABSENT}/file", (404, "IMAGE_NOT_FOUND")),
        ("DELETE", f"{IMAGES}/not-an-id", (404, "IMAGE_NOT_FOUND")),
        ("GET", "/nothing/here", (404, "NOT_FOUND")),
        ("POST", "/nothing/here", (404, "NOT_FOUND")),
        ("PUT", f"{IMAGES}/upload", (405, "METHOD_NOT_ALLOWED")),
        ("POST", f"{IMAGES}/{ABSENT}", (405, "METHOD_NOT_ALLOWED")),
        ("GET", "/metrics", (404, "NOT_FOUND")),
        ("GET", "/health/ready", (404, "NOT_FOUND")),
        ("GET", "/_s3/1/127.0.0.1:1/bucket/key", (404, "NOT_FOUND")),
    ],
)
def test_what_is_not_there_is_a_problem_document(api, method, path, expected):
    """Whoever notices it, nginx or a service, the form is the same."""
    assert problem(api.request(method, path)) == expected


async def test_a_size_that_is_not_made_is_not_found(api):
    """An unknown thumbnail of a known picture has a code of its own."""
    view = await ready(api, upload(api, jpeg())["id"])
    assert problem(api.get(f"{IMAGES}/{view['id']}/thumbnails/huge")) == (404, "THUMBNAIL_UNAVAILABLE")


def test_a_request_id_is_taken_when_it_is_sane_and_always_answered(api):
    """An insane one is replaced."""
    assert api.get(IMAGES, headers={"x-request-id": "abc-123"}).headers["x-request-id"] == "abc-123"
    made = api.get(IMAGES, headers={"x-request-id": "a b<script>"}).headers["x-request-id"]
    assert made
    assert "<" not in made


def test_the_api_describes_itself_without_help_from_elsewhere(api):
    """OpenAPI 3.1 of both services; the page loads nothing from other hosts."""
    document = api.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert {"post"} == set(document["paths"][f"{IMAGES}/upload"])
    assert {"get", "head", "patch", "delete"} == set(document["paths"][f"{IMAGES}/{{image_id}}"])
    page = api.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert api.get("/docs/swagger-ui-bundle.js").status_code == 200


async def test_health_names_every_dependency(api):
    """200 while everything is there."""

    def is_well() -> dict:
        answer = api.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")
        return answer.json()["dependencies"]

    named = await eventually(is_well)
    replicas = {"postgres", "postgres replica 1", "postgres replica 2"}
    others = {"postgres primary", "replica lag", "redis", "nats", "lease", "shard shard-1", "shard shard-4"}
    assert replicas | others <= set(named)


async def test_reads_are_shared_by_the_read_services(api, stack):
    """Each of the three answers some of thirty requests, unless nginx leaves one alone for a moment."""

    def are_shared() -> None:
        before = stack.requests_by_service()
        for _ in range(30):
            assert api.get(IMAGES, params={"limit": "1"}).status_code == 200
        after = stack.requests_by_service()
        assert len(after) == 3
        assert all(after[name] > before.get(name, 0) for name in after)

    await eventually(are_shared)
