"""The write service over HTTP, on real servers."""

import asyncio
import hashlib
from contextlib import AsyncExitStack

import httpx
import pytest

from services.shared.apps import observed_app
from services.write.http.app import routes
from services.write.main import open_app
from tests.component.services.conftest import client_of
from tests.component.services.looking import IMAGES, objects, rows, upload
from tests.eventually import eventually
from tests.pictures import jpeg


async def test_an_upload_is_two_copies_one_row_and_one_event(write, storage, database):
    """Everything that a 201 promises is there when it arrives."""
    data = jpeg()
    view = await upload(write, data)
    (key,) = await objects(storage)
    assert await objects(storage) == {key: 2}
    (row,) = await rows(database, "SELECT images.id, sha256, placement FROM images JOIN blobs ON blob_id = blobs.id")
    assert str(row["id"]) == view["id"]
    assert row["sha256"] == hashlib.sha256(data).digest()
    assert await storage.objects.get(key, tuple(row["placement"])) == data
    (event,) = await rows(database, "SELECT type, image_id, version FROM outbox")
    assert (event["type"], str(event["image_id"]), event["version"]) == ("image.uploaded.v1", view["id"], 1)


async def test_a_large_upload_goes_through_a_file_and_arrives_whole(write, storage, database):
    """What does not fit the memory of the spool is the same in the end."""
    data = jpeg(64, 48) + b"\0" * (3 << 20)
    view = await upload(write, data)
    assert view["checksum"] == hashlib.sha256(data).hexdigest()
    (key,) = await objects(storage)
    (row,) = await rows(database, "SELECT placement FROM blobs")
    assert await storage.objects.get(key, tuple(row["placement"])) == data


REFUSED = {
    "text": (400, "INVALID_FILE_FORMAT", {"file": ("a.jpg", b"words")}, {}),
    "empty": (400, "EMPTY_FILE", {"file": ("a.jpg", b"")}, {}),
    "too many tags": (422, "INVALID_REQUEST", {"file": ("a.jpg", jpeg())}, {"tags": ",".join(map(str, range(60)))}),
    "private": (422, "INVALID_REQUEST", {"file": ("a.jpg", jpeg())}, {"visibility": "private"}),
    "a long field": (422, "INVALID_REQUEST", {"file": ("a.jpg", jpeg())}, {"description": "x" * 20_000}),
    "two files": (422, "INVALID_REQUEST", [("file", ("a.jpg", jpeg())), ("file", ("b.jpg", jpeg()))], {}),
    "many parts": (400, "INVALID_REQUEST", {"file": ("a.jpg", jpeg())}, {f"f{n}": "x" for n in range(30)}),
    "a long name": (422, "INVALID_REQUEST", {"file": ("x" * 2000, jpeg())}, {}),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_refused_leaves_nothing(write, storage, database, case):
    """No object, no row, no event, whatever the reason."""
    status, code, files, data = REFUSED[case]
    answer = await write.post(f"{IMAGES}/upload", files=files, data=data)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await objects(storage) == {}
    assert await rows(database, "SELECT id FROM blobs") == []
    assert await rows(database, "SELECT id FROM outbox") == []


async def test_a_file_over_the_limit_is_refused_when_its_length_was_not_declared(serve):
    """A chunked body is cut off where it passes the limit."""
    write = await serve(open_app, CHITRAM_MAX_FILE_SIZE="1000")

    async def form():
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        yield b"\xff" * 2000
        yield b"\r\n--x--\r\n"

    answer = await write.post(
        f"{IMAGES}/upload", content=form(), headers={"content-type": "multipart/form-data; boundary=x"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "FILE_TOO_LARGE")
    assert answer.json()["details"] == {"limit": 1000}


@pytest.mark.parametrize(
    "body",
    [b"", b"--x\r\n", b"no form at all", b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nxx'],
)
async def test_a_form_that_is_not_whole_is_an_invalid_request(write, body):
    """A body cut short or made up is refused by name."""
    answer = await write.post(
        f"{IMAGES}/upload", content=body, headers={"content-type": "multipart/form-data; boundary=x"}
    )
    assert answer.json()["code"] in {"INVALID_REQUEST", "MISSING_FILE"}
    assert answer.status_code in {400, 422}


async def test_a_client_that_goes_away_half_way_leaves_nothing(write, storage, database):
    """The upload ends with its connection, and the next one is served."""
    host, port = write.base_url.host, write.base_url.port
    _reader, writer = await asyncio.open_connection(host, port)
    writer.write(
        b"POST /api/v1/images/upload HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n' + jpeg()
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()

    async def was_noticed() -> None:
        text = (await write.get("/metrics")).text
        assert 'endpoint="/api/v1/images/upload",method="POST",status="400"' in text

    await eventually(was_noticed)
    assert await objects(storage) == {}
    assert await rows(database, "SELECT id FROM blobs") == []


async def test_a_deletion_marks_the_row_and_says_so_in_an_event(write, database):
    """The row stays until the objects are erased."""
    view = await upload(write, jpeg())
    answer = await write.delete(f"{IMAGES}/{view['id']}", headers={"x-delete-token": view["delete_token"]})
    assert (answer.status_code, answer.content) == (204, b"")
    told = (await write.get("/metrics")).text
    assert "images_uploaded_total" in told
    assert "images_deleted_total" in told
    (row,) = await rows(database, "SELECT deleted_at, version FROM images")
    assert row["deleted_at"] is not None
    assert row["version"] == 2
    assert [row["type"] for row in await rows(database, "SELECT type FROM outbox ORDER BY created_at")] == [
        "image.uploaded.v1",
        "image.deleted.v1",
    ]


async def test_of_two_changes_for_the_same_version_one_wins(write):
    """If-Match is checked under the row's lock."""
    view = await upload(write, jpeg())
    headers = {"x-delete-token": view["delete_token"], "if-match": '"1"'}
    answers = await asyncio.gather(
        *(write.patch(f"{IMAGES}/{view['id']}", json={"description": str(n)}, headers=headers) for n in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7


async def test_an_unforeseen_error_tells_the_caller_its_request_id_and_nothing_else():
    """500 with the id that is in the log, and not a word of what went wrong."""

    async def broken(*_, **__):
        raise RuntimeError("the password is tomato")

    app = observed_app(routes(upload=broken, change=broken, delete=broken, max_file_size=1 << 20, dependencies=()))
    async with AsyncExitStack() as stack:
        client: httpx.AsyncClient = await stack.enter_async_context(client_of(app, stack))
        answer = await client.delete(f"{IMAGES}/{'0' * 8}-0000-0000-0000-{'0' * 12}", headers={"x-request-id": "r-1"})
    assert answer.status_code == 500
    assert (answer.json()["code"], answer.json()["request_id"]) == ("INTERNAL_ERROR", "r-1")
    assert "tomato" not in answer.text


async def test_its_health_names_what_it_stands_on(write):
    """The primary, the storage as a whole, and each shard."""
    health = (await write.get("/health/ready")).json()
    assert health["status"] == "ok"
    assert set(health["dependencies"]) == {"postgres primary", "storage", *(f"shard shard-{n}" for n in range(1, 5))}
    assert (await write.get("/health/live")).json() == {"status": "ok", "service": "write"}
