"""What an account may hold, counted in the transaction of the upload."""

import asyncio
from collections import Counter

import httpx

from services.write.main import open_app as open_write
from tests.component.postgres.steps import PATIENT_SETTINGS
from tests.component.services.looking import IMAGES, objects, rows
from tests.component.services.people import Person, person
from tests.eventually import eventually
from tests.pictures import jpeg


async def send(write: httpx.AsyncClient, owner: Person, data: bytes) -> httpx.Response:
    return await write.post(f"{IMAGES}/upload", files={"file": ("a.jpg", data)}, headers=owner.headers)


async def held(database) -> tuple[int, int]:
    """What the only account holds, as its row says."""
    return tuple((await rows(database, "SELECT images_held, bytes_held FROM users"))[0])


async def test_concurrent_uploads_never_exceed_a_quota_and_get_all_that_fits(serve, database):
    """Two hundred at its edge, over two services: exactly as many come in as there is room for."""
    settings = {**PATIENT_SETTINGS, "CHITRAM_QUOTA_IMAGES": "40"}
    one, two = await serve(open_write, **settings), await serve(open_write, **settings)
    ann = await person(one)
    pictures = [jpeg() for _ in range(200)]
    places = asyncio.Semaphore(16)

    async def upload(number: int) -> int:
        async with places:
            while (answer := await send((one, two)[number % 2], ann, pictures[number])).status_code == 503:
                pass  # a busy machine: asking again is what a client does
        assert answer.status_code == 201 or answer.json()["code"] == "QUOTA_EXCEEDED", answer.text
        return answer.status_code

    statuses = Counter(await asyncio.gather(*(upload(number) for number in range(200))))
    assert statuses == {201: 40, 403: 160}
    (sums,) = await rows(database, "SELECT count(*), sum(file_size)::bigint FROM images")
    assert await held(database) == tuple(sums)


async def test_an_account_sees_what_it_holds_and_may_hold(serve, read):
    """At once after an upload, and nobody sees another's."""
    write = await serve(open_write, CHITRAM_QUOTA_IMAGES="2")
    ann, bob = await person(write), await person(write, "bob@example.com")
    quota = {"images": 2, "bytes": None}
    picture = jpeg()
    assert (await send(write, ann, picture)).status_code == 201
    for owner, images, size in ((ann, 1, len(picture)), (bob, 0, 0)):
        answer = await read.get("/api/v1/stats", headers=owner.headers)
        assert answer.json() == {"images": images, "bytes": size, "quota": quota}, answer.text
        assert answer.headers["cache-control"] == "private, no-store"


async def test_bytes_count_to_the_last_one(serve, write, database):
    """What fits exactly comes in, one byte more does not."""
    picture, other = jpeg(), jpeg(400, 300)
    limited = await serve(open_write, CHITRAM_QUOTA_BYTES=str(len(picture) + len(other)))
    ann = await person(limited)
    for data in (other, picture):
        assert (await send(limited, ann, data)).status_code == 201
    await rows(database, "UPDATE users SET bytes_allowed = bytes_held + 10")
    refused = await send(limited, ann, picture)
    assert (refused.status_code, refused.json()["code"]) == (403, "QUOTA_EXCEEDED")


async def test_what_is_deleted_makes_room(serve, worker, database, storage):
    """And what was refused leaves nothing behind."""
    write = await serve(open_write, CHITRAM_QUOTA_IMAGES="1")
    ann = await person(write)
    first = (await send(write, ann, jpeg())).json()
    assert (await send(write, ann, jpeg())).status_code == 403
    answer = await write.delete(f"{IMAGES}/{first['id']}", params={"permanent": "true"}, headers=ann.headers)
    assert answer.status_code == 204
    assert await held(database) == (0, 0)
    second = await send(write, ann, jpeg())
    assert second.status_code == 201

    async def only_the_second_is_left() -> None:
        blobs = {str(row["blob_id"]) for row in await rows(database, "SELECT blob_id FROM images")}
        assert {key.partition("/")[0] for key in await objects(storage)} == blobs
        assert len(blobs) == 1

    await eventually(only_the_second_is_left)


async def test_accounts_without_a_quota_and_anonymous_callers_are_not_counted_out(serve, database):
    """The quota of one is nobody else's."""
    write = await serve(open_write)
    ann = await person(write)
    for _ in range(3):
        assert (await send(write, ann, jpeg())).status_code == 201
    assert (await held(database))[0] == 3
    await rows(database, "UPDATE users SET images_allowed = 3")
    assert (await send(write, ann, jpeg())).status_code == 403
    assert (await write.post(f"{IMAGES}/upload", files={"file": ("a.jpg", jpeg())})).status_code == 201
