"""The write service over HTTP, on real servers."""

import asyncio
import hashlib
import io
import json
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from litestar import delete
from litestar.params import FromPath
from PIL import Image

from services.shared.apps import observed_app
from services.write.http import forms
from services.write.main import open_app
from tests.component.postgres.proxy import Proxy
from tests.component.services.conftest import client_of
from tests.component.services.looking import IMAGES, objects, rows, upload
from tests.eventually import eventually
from tests.pictures import big_jpeg, jpeg


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
    (event,) = await rows(database, "SELECT type, subject_id, version FROM outbox")
    assert (event["type"], str(event["subject_id"]), event["version"]) == ("image.uploaded.v1", view["id"], 1)


async def test_a_large_upload_goes_through_a_file_and_arrives_whole(write, storage, database):
    """What does not fit the memory of the spool is the same in the end."""
    data = big_jpeg()
    view = await upload(write, data)
    assert view["checksum"] == hashlib.sha256(data).hexdigest()
    (key,) = await objects(storage)
    (row,) = await rows(database, "SELECT placement FROM blobs")
    assert await storage.objects.get(key, tuple(row["placement"])) == data


def told_photo() -> bytes:
    """A photo with a camera, a serial number, a place and a comment in it."""
    told = Image.Exif()
    told[0x0110], told[0xA431] = "Model T", "SERIAL-0815"
    told.get_ifd(0x8825).update({1: "N", 2: (48.0, 30.0, 0.0), 3: "E", 4: (9.0, 15.0, 0.0)})
    return jpeg(exif=told.tobytes(), comment=b"for nobody's eyes")


async def test_what_a_photo_tells_of_people_is_not_stored(write, storage, database):
    """Stored is the picture alone; size and checksum are of that, the camera is in the view, the place nowhere."""
    data = told_photo()
    view = await upload(write, data)
    (key,) = await objects(storage)
    (row,) = await rows(database, "SELECT placement, sha256, size, place FROM images JOIN blobs ON blob_id = blobs.id")
    stored = await storage.objects.get(key, tuple(row["placement"]))
    assert b"SERIAL" not in stored
    assert b"nobody" not in stored
    assert decoded(stored) == decoded(data)
    assert view["metadata_stripped"] is True
    assert view["metadata"] == {"model": "Model T"}
    assert (view["checksum"], view["file_size"]) == (hashlib.sha256(stored).hexdigest(), len(stored))
    assert (row["sha256"].hex(), row["size"], row["place"]) == (view["checksum"], view["file_size"], "{}")
    (event,) = await rows(database, "SELECT payload FROM outbox")
    assert b"latitude" not in event["payload"]


async def test_whoever_wants_to_keep_metadata_may(write, storage, database):
    """The file is stored as it came."""
    data = told_photo()
    view = await upload(write, data, keep_metadata="true")
    (key,) = await objects(storage)
    (row,) = await rows(database, "SELECT placement FROM blobs")
    assert await storage.objects.get(key, tuple(row["placement"])) == data
    assert view["checksum"] == hashlib.sha256(data).hexdigest()
    assert (view["metadata_stripped"], view["metadata"]) == (False, {"model": "Model T"})


def decoded(data: bytes) -> bytes:
    """The pixels of a picture."""
    with Image.open(io.BytesIO(data)) as picture:
        return picture.tobytes()


REFUSED = {
    "neither kept nor not": (422, "INVALID_REQUEST", {"file": ("a.jpg", jpeg())}, {"keep_metadata": "perhaps"}),
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


async def test_a_name_in_another_encoding_is_refused_without_the_parsers_words(write):
    """The sentence is ours, whatever the parser stumbled over."""
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="\xe9.jpg"\r\n\r\n' + jpeg() + b"\r\n--x--\r\n"
    )
    answer = await write.post(
        f"{IMAGES}/upload", content=body, headers={"content-type": "multipart/form-data; boundary=x"}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
    assert answer.json()["detail"] == "The body is not a whole multipart form."


async def test_a_full_disk_is_told_as_unavailable(write, storage, monkeypatch):
    """An upload that finds no room for its spool may be tried again."""
    monkeypatch.setattr(forms, "TemporaryFile", lambda: Path("/dev/full").open("w+b"))  # noqa: SIM115
    answer = await write.post(f"{IMAGES}/upload", files={"file": ("a.jpg", big_jpeg())})
    assert (answer.status_code, answer.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert await objects(storage) == {}


async def test_an_upload_while_the_primary_is_away_stores_nothing(serve, storage, database):
    """Nor do its retries."""
    async with Proxy(database.primary).listening() as wire:
        write = await serve(open_app, CHITRAM_POSTGRES_PRIMARY=wire.address)
    for _ in range(2):
        answer = await write.post(f"{IMAGES}/upload", files={"file": ("a.jpg", jpeg())})
        assert (answer.status_code, answer.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert await objects(storage) == {}


async def test_connections_that_broke_meanwhile_cost_no_upload(serve, database):
    """An upload that finds its connection gone is made on a new one."""
    async with Proxy(database.primary).listening() as wire:
        write = await serve(open_app, CHITRAM_POSTGRES_PRIMARY=wire.address)
        wire.lose_request(b"__asyncpg_stmt_")  # whether the shards have changed, which each upload asks
        await upload(write, jpeg())
        assert wire.cuts == 1


async def test_without_a_primary_it_does_not_start_and_says_so_in_one_line(server_environment):
    """Status 3, and no traceback."""
    nobody = "postgresql://chitram@127.0.0.1:1/chitram"
    environment = {**os.environ, **server_environment, "CHITRAM_POSTGRES_PRIMARY": nobody}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.write.main"), env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, told = await process.communicate()
    assert process.returncode == 3
    assert told.decode().splitlines() == [
        "can't start: No Postgres server takes writes: 127.0.0.1:1: connection refused"
    ]


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


async def test_a_deletion_for_another_version_is_refused(write):
    """If-Match is compared strongly, for deletions as for changes."""
    view = await upload(write, jpeg())
    url, token = f"{IMAGES}/{view['id']}", {"x-delete-token": view["delete_token"]}
    for tag in ('"2"', 'W/"1"'):
        refused = await write.delete(url, headers={**token, "if-match": tag})
        assert (refused.status_code, refused.json()["code"]) == (412, "VERSION_CONFLICT")
        assert (await write.patch(url, json={"tags": []}, headers={**token, "if-match": tag})).status_code == 412
    assert (await write.delete(url, headers={**token, "if-match": '"1"'})).status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", IMAGES, "GET, HEAD"),
        ("POST", f"{IMAGES}/7/file", "GET, HEAD"),
        ("PUT", f"{IMAGES}/7", "GET, HEAD, PATCH, DELETE"),
        ("DELETE", f"{IMAGES}/upload", "POST"),
        ("DELETE", "/openapi.json", "GET, HEAD"),
    ],
)
async def test_a_method_that_an_address_lacks_is_told_with_those_it_has(write, method, path, allowed):
    """Also those that the other service answers to."""
    answer = await write.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == allowed


async def test_an_address_of_nobody_is_not_found(write):
    """Whatever the method."""
    answer = await write.post("/api/v2/images")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_what_is_not_http_is_refused_with_a_problem_document(write):
    """The server itself says it, in the words of the services."""
    reader, writer = await asyncio.open_connection(write.base_url.host, write.base_url.port)
    writer.write(b"GET /a b HTTP/9\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    problem = json.loads(body)
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in head
    assert problem["code"] == "INVALID_REQUEST"
    assert f"x-request-id: {problem['request_id']}".encode() in head


async def test_an_unforeseen_error_tells_the_caller_its_request_id_and_nothing_else():
    """500 with the id that is in the log, and not a word of what went wrong."""

    @delete(f"{IMAGES}/{{image_id:str}}")
    async def broken(image_id: FromPath[str]) -> None:
        raise RuntimeError("the password is tomato")

    async with AsyncExitStack() as stack:
        client: httpx.AsyncClient = await stack.enter_async_context(client_of(observed_app([broken]), stack))
        answer = await client.delete(f"{IMAGES}/{'0' * 8}-0000-0000-0000-{'0' * 12}", headers={"x-request-id": "r-1"})
    assert answer.status_code == 500
    assert (answer.json()["code"], answer.json()["request_id"]) == ("INTERNAL_ERROR", "r-1")
    assert "tomato" not in answer.text


async def test_its_health_names_what_it_stands_on(write):
    """The primary, NATS, the storage as a whole, and each shard."""

    async def is_ok() -> dict:
        health = (await write.get("/health/ready")).json()
        assert health["status"] == "ok", health
        return health

    health = await eventually(is_ok)
    assert set(health["dependencies"]) == {
        "postgres primary",
        "nats",
        "storage",
        *(f"shard shard-{n}" for n in range(1, 5)),
    }
    assert (await write.get("/health/live")).json() == {"status": "ok", "service": "write"}
