"""The trash: what people delete can be restored for a while, and is gone for readers all the same."""

import httpx

from services.read.main import open_app as open_read
from services.worker.main import open_app as open_worker
from services.write.main import open_app as open_write
from tests.component.services.looking import IMAGES, objects, rows
from tests.component.services.people import AUTH, PASSWORD, Person, person
from tests.eventually import eventually
from tests.pictures import jpeg

TOKEN = "x-consistency-token"


async def send(write: httpx.AsyncClient, owner: Person, **fields: str) -> str:
    """The id of a new image."""
    form = {"files": {"file": ("a.jpg", jpeg())}, "data": fields, "headers": owner.headers}
    return (await write.post(f"{IMAGES}/upload", **form)).json()["id"]


async def statuses(read: httpx.AsyncClient, image: str, headers: dict[str, str]) -> set[int]:
    """What the image answers with, in every form."""
    address = f"{IMAGES}/{image}"
    parts = (address, f"{address}/file", f"{address}/thumbnails/small", f"{address}/thumbnail")
    return {(await read.get(part, headers=headers)).status_code for part in parts}


async def listed(read: httpx.AsyncClient, headers: dict[str, str], **query: str) -> list[str]:
    """Ids of a list."""
    answer = await read.get(IMAGES, params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def test_what_was_deleted_is_gone_and_comes_back_as_it_was(serve, database):
    """For its owner too; it counts until it is erased, and goes with his account."""
    write, read = await serve(open_write), await serve(open_read)
    ann, bob = await person(write), await person(write, "bob@example.com")
    image, stays = await send(write, ann, description="words"), await send(write, ann)
    address = f"{IMAGES}/{image}"
    unclear = await write.delete(address, params={"permanent": "maybe"}, headers=ann.headers)
    assert (unclear.status_code, unclear.json()["code"]) == (400, "INVALID_REQUEST")
    trashed = await write.delete(address, headers=ann.headers)
    assert trashed.status_code == 204
    mine = {**ann.headers, TOKEN: trashed.headers[TOKEN]}
    assert await statuses(read, image, mine) == {404}
    assert await listed(read, {TOKEN: trashed.headers[TOKEN]}) == [stays] == await listed(read, mine, owner="me")
    (shown,) = (await read.get(IMAGES, params={"trash": "true"}, headers=mine)).json()["items"]
    assert (shown["id"], shown["deleted_at"] is not None) == (image, True)
    assert (
        await listed(read, bob.headers, trash="true") == [] == await listed(read, bob.headers, owner=ann.id, trash="1")
    )
    assert (await read.get(IMAGES, params={"trash": "true"})).status_code == 401
    assert (await read.get("/api/v1/stats", headers=ann.headers)).json()["images"] == 2
    for refused in (
        await write.patch(address, json={"description": "x"}, headers=ann.headers),
        await write.delete(address, headers=ann.headers),
        await write.post(f"{address}/links", json={}, headers=ann.headers),
        await write.post(f"{address}/restore", headers=bob.headers),
    ):
        assert refused.status_code == 404

    stale = await write.post(f"{address}/restore", headers={**ann.headers, "if-match": '"1"'})
    assert stale.status_code == 412
    restored = await write.post(f"{address}/restore", headers=ann.headers)
    assert restored.status_code == 200
    assert (restored.json()["description"], restored.json()["deleted_at"]) == ("words", None)
    assert restored.headers["etag"] == f'"{restored.json()["version"]}"'
    mine = {**ann.headers, TOKEN: restored.headers[TOKEN]}
    assert await statuses(read, image, mine) == {200}
    assert await listed(read, mine) == [stays, image]
    assert await listed(read, mine, trash="true") == []

    await write.delete(address, headers=ann.headers)
    receipt = await write.request("DELETE", f"{AUTH}/me", json={"password": PASSWORD}, headers=ann.headers)
    assert receipt.json()["images"] == 2
    actions = await rows(database, "SELECT action FROM audit WHERE image_id = $1 ORDER BY recorded_at, id", image)
    assert [row[0] for row in actions] == [
        "image.uploaded",
        *("image.trashed", "image.restored", "image.trashed", "image.deleted"),
    ]


async def test_the_trash_is_emptied_and_what_is_permanent_never_waits(serve, database, storage):
    """When its time is over everything of an image goes, and what others have stays."""
    write = await serve(open_write)
    ann = await person(write)
    trashed, permanent, both, stays = [await send(write, ann) for _ in range(4)]
    for image, query in ((trashed, {}), (permanent, {"permanent": "true"}), (both, {}), (both, {"permanent": "true"})):
        gone = await write.delete(f"{IMAGES}/{image}", params=query, headers=ann.headers)
        assert gone.status_code == 204
    assert (await write.post(f"{IMAGES}/{permanent}/restore", headers=ann.headers)).status_code == 404
    left = await rows(database, "SELECT id::text FROM images WHERE deleted_at IS NULL")
    assert {row[0] for row in left} == {trashed, stays}

    await serve(open_worker, CHITRAM_RENDER_PROCESSES="1", CHITRAM_ERASE_GRACE="0", CHITRAM_TRASH="0")

    async def erased() -> None:
        left = await rows(database, "SELECT id::text, blob_id::text FROM images")
        assert [row["id"] for row in left] == [stays]
        assert {key.partition("/")[0] for key in await objects(storage)} == {left[0]["blob_id"]}

    await eventually(erased)
    assert [tuple(row) for row in await rows(database, "SELECT images_held FROM users")] == [(1,)]
    assert (await write.post(f"{IMAGES}/{trashed}/restore", headers=ann.headers)).status_code == 404
