"""An upload with an Idempotency-Key can be sent as often as one likes: there is one image and one answer."""

import asyncio
from uuid import uuid4

import pytest

from services.worker.main import open_app as open_worker
from services.write.main import open_app
from tests.component.postgres.proxy import Proxy
from tests.component.postgres.steps import PATIENT_SETTINGS
from tests.component.services.looking import IMAGES, objects, rows
from tests.eventually import eventually
from tests.pictures import jpeg


async def send(write, key: str, data: bytes, **fields: str):
    return await write.post(
        f"{IMAGES}/upload", files={"file": ("a.jpg", data)}, data=fields, headers={"idempotency-key": key}
    )


async def images(database) -> int:
    return len(await rows(database, "SELECT id FROM images"))


async def test_the_same_key_and_form_get_the_same_answer(write, database):
    """Field by field with the delete token, which works, and which nobody can read in the database."""
    key, data = str(uuid4()), jpeg()
    first = await send(write, key, data, tags="a,b")
    again = await send(write, f'"{key}"', data, tags="a,b")
    assert first.status_code == again.status_code == 201
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert "x-consistency-token" in again.headers
    assert await images(database) == 1
    view = first.json()
    (kept,) = await rows(database, "SELECT * FROM idempotency_keys")
    assert not [value for value in kept.values() if isinstance(value, bytes) and view["delete_token"].encode() in value]
    assert not [value for value in kept.values() if isinstance(value, bytes) and key.encode() in value]
    gone = await write.delete(f"{IMAGES}/{view['id']}", headers={"x-delete-token": view["delete_token"]})
    assert gone.status_code == 204
    assert (await send(write, key, data, tags="a,b")).content == first.content


@pytest.mark.parametrize("other", ["bytes", "words"])
async def test_the_same_key_with_another_form_is_refused(write, database, storage, other):
    """409, and nothing is stored."""
    key, data = str(uuid4()), jpeg()
    await send(write, key, data)
    before = await objects(storage)
    answer = await send(write, key, jpeg() if other == "bytes" else data, tags="" if other == "bytes" else "new")
    assert (answer.status_code, answer.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert await images(database) == 1
    assert await objects(storage) == before


async def test_fifty_at_once_are_one_upload(serve, database, storage):
    """All get the same answer; what the others had stored is deleted."""
    write = await serve(open_app, **PATIENT_SETTINGS)
    key, data = str(uuid4()), jpeg()
    answers = await asyncio.gather(*(send(write, key, data) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert await images(database) == 1
    await serve(open_worker, CHITRAM_RENDER_PROCESSES="1")

    async def one_set_of_objects() -> None:
        assert len({key.partition("/")[0] for key in await objects(storage)}) == 1
        assert await rows(database, "SELECT key FROM discarded") == []

    await eventually(one_set_of_objects)


async def test_of_different_uploads_with_one_key_at_once_one_wins(serve, database):
    """The others are told that the key is another's."""
    write = await serve(open_app, **PATIENT_SETTINGS)
    key = str(uuid4())
    answers = await asyncio.gather(*(send(write, key, jpeg()) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 11
    assert await images(database) == 1


async def test_an_upload_of_unknown_outcome_is_found_by_its_key(serve, database):
    """The commit's answer is lost; sent again, to another service, it is answered as if nothing had happened."""
    async with Proxy(database.primary).listening() as wire:
        write = await serve(open_app, CHITRAM_POSTGRES_PRIMARY=wire.address)
        key, data = str(uuid4()), jpeg()
        await send(write, str(uuid4()), jpeg())  # statements are prepared
        wire.lose_answer(b"image.uploaded.v1")
        lost = await send(write, key, data)
        assert (lost.status_code, lost.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert wire.cuts == 1
    another = await serve(open_app, CHITRAM_POSTGRES_PRIMARY=database.primary)
    answers = [await send(another, key, data) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    assert await images(database) == 2


async def test_an_upload_that_was_refused_may_be_put_right(write, database):
    """Nothing is kept of what left nothing."""
    key = str(uuid4())
    assert (await send(write, key, b"words")).status_code == 400
    assert (await send(write, key, jpeg())).status_code == 201
    assert await images(database) == 1


@pytest.mark.parametrize("key", ["short", "x" * 129, "with a space in the middle", "ünïcode-ünïcode-ünïcode", '"" ""'])
async def test_a_key_that_is_none_is_refused_before_anything_is_read(write, database, key):
    """400 and a sentence that says what a key is."""
    answer = await write.post(
        f"{IMAGES}/upload", files={"file": ("a.jpg", jpeg())}, headers={"idempotency-key": key.encode()}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
    assert answer.json()["details"] == {"header": "Idempotency-Key"}
    assert await images(database) == 0


async def test_keys_are_forgotten_after_their_time(serve, write, database):
    """Then the same key is a new one."""
    key, data = str(uuid4()), jpeg()
    first = await send(write, key, data)
    await rows(database, "UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")
    await serve(open_worker, CHITRAM_RENDER_PROCESSES="1")

    async def forgotten() -> None:
        assert await rows(database, "SELECT key FROM idempotency_keys") == []

    await eventually(forgotten)
    assert (await send(write, key, data)).json()["id"] != first.json()["id"]
