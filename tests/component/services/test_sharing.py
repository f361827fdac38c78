"""The same bytes, uploaded by many, over HTTP and with everything that follows."""

import asyncio
import random

from services.write.main import open_app
from tests.component.postgres.steps import PATIENT_SETTINGS
from tests.component.services.looking import IMAGES, objects, rows, upload
from tests.eventually import eventually
from tests.pictures import jpeg, undecodable_png

HIDDEN = {"id", "delete_token", "created_at", "updated_at", "url", "filename"}
"""What differs between any two uploads."""


async def delete(write, view: dict) -> None:
    answer = await write.delete(f"{IMAGES}/{view['id']}", headers={"x-delete-token": view["delete_token"]})
    assert answer.status_code == 204


async def test_a_second_uploader_gets_the_answer_that_the_first_one_got(write, worker, database, storage):
    """Field by field, though the bytes are there and rendered; later both are ready, from one set of objects."""
    data = jpeg(1000, 750)
    first = await upload(write, data)

    async def is_ready(count: int) -> None:
        states = await rows(database, "SELECT state, pending FROM images JOIN blobs ON blob_id = blobs.id")
        assert [tuple(row) for row in states] == [("ready", False)] * count

    await eventually(lambda: is_ready(1))
    second = await upload(write, data)
    assert {name: second[name] for name in second.keys() - HIDDEN} == {
        name: first[name] for name in second.keys() - HIDDEN
    }
    assert second["status"] == "processing"
    await eventually(lambda: is_ready(2))
    told = await rows(database, "SELECT subject_id, type FROM outbox ORDER BY version")
    types = [row["type"] for row in told if str(row["subject_id"]) == second["id"]]
    assert types == ["image.uploaded.v1", "image.ready.v1"]

    async def objects_are_those_of_one_blob() -> None:
        assert len(await objects(storage)) == 7
        assert len({key.partition("/")[0] for key in await objects(storage)}) == 1

    await eventually(objects_are_those_of_one_blob)


async def test_the_facts_of_an_original_are_the_images_own(write, database):
    """Two photos that are the same without what they told share the blob and nothing else."""
    plain = jpeg()
    told = plain[:2] + b"\xff\xfe\x00\x08secret" + plain[2:]
    first, second = await upload(write, plain), await upload(write, told)
    assert first["checksum"] == second["checksum"]
    assert (first["metadata_stripped"], second["metadata_stripped"]) == (False, True)
    assert len(await rows(database, "SELECT id FROM blobs")) == 1


async def test_bad_bytes_are_rendered_once(write, worker, database):
    """Whoever sends them later hears the same, in its own time."""
    data = undecodable_png()

    async def have_failed(count: int) -> None:
        found = await rows(database, "SELECT failure_code, pending FROM images JOIN blobs ON blob_id = blobs.id")
        assert [tuple(row) for row in found] == [("INVALID_IMAGE", False)] * count

    await upload(write, data)
    await eventually(lambda: have_failed(1))
    assert (await upload(write, data))["status"] == "processing"
    await eventually(lambda: have_failed(2))


async def test_switched_off_every_upload_is_stored(serve, database):
    """CHITRAM_DEDUPE=off."""
    write = await serve(open_app, CHITRAM_DEDUPE="off")
    data = jpeg()
    for _ in range(2):
        await upload(write, data)
    assert len(await rows(database, "SELECT id FROM blobs")) == 2


async def test_a_hundred_uploads_and_deletions_of_the_same_bytes(serve, worker, storage, database):
    """Whatever their order, in the end there is one blob if an image is left, else none, and only its objects."""
    write = await serve(open_app, **PATIENT_SETTINGS, CHITRAM_UPLOADS_IN_HAND="100")
    data = jpeg(200, 150)
    rng, places = random.Random(100), asyncio.Semaphore(25)

    async def come_and_go(stays: bool) -> None:
        async with places:
            view = await upload(write, data)
        if not stays:
            await asyncio.sleep(rng.random())
            await delete(write, view)

    async def settled(images: int) -> None:
        assert len(await rows(database, "SELECT id FROM images")) == images
        blobs = [str(row["id"]) for row in await rows(database, "SELECT id FROM blobs WHERE state = 'ready'")]
        assert len(blobs) == len(await rows(database, "SELECT id FROM blobs")) == min(images, 1)
        found = await objects(storage)
        assert {key.partition("/")[0] for key in found} == set(blobs)
        assert sorted(found.values()) == [2] * (7 * len(blobs))
        assert await rows(database, "SELECT key FROM discarded") == []

    for staying in (2, 0):
        before = await rows(database, "SELECT id FROM images")
        await asyncio.gather(*(come_and_go(number < staying) for number in range(100)))
        await eventually(lambda: settled(len(before) + staying))  # noqa: B023 - awaited in its round
