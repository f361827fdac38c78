"""Images that have an end."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from services.read.main import open_app as open_read
from services.write.main import open_app as open_write
from tests.component.services.looking import IMAGES, objects, rows, upload
from tests.component.services.people import person
from tests.eventually import eventually
from tests.pictures import jpeg


class Clock:
    """The services' clock, which a test can put forward."""

    ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock(monkeypatch) -> Clock:
    """What services that are started from now on go by."""
    made = Clock()
    for service in ("read", "write"):
        monkeypatch.setattr(f"services.{service}.main.utc_now", made)
    return made


async def kept(read: httpx.AsyncClient, image: dict) -> str:
    """How long an image's bytes may be kept."""
    answer = await read.get(f"{IMAGES}/{image['id']}/file")
    assert answer.status_code == 200, answer.text
    return answer.headers["x-delivery-cache-control"]


async def test_an_image_is_gone_at_its_end_for_everybody_and_in_every_form(serve, clock):
    """Also its owner, also where it is remembered; and nothing can be done about it any more."""
    write, read = await serve(open_write), await serve(open_read)
    ann = await person(write)
    form = {"files": {"file": ("a.jpg", jpeg())}, "data": {"expires_in": "3600"}, "headers": ann.headers}
    image = (await write.post(f"{IMAGES}/upload", **form)).json()
    address = f"{IMAGES}/{image['id']}"
    parts = (address, f"{address}/file", f"{address}/thumbnails/small")

    async def answers() -> tuple[list[int], list[int]]:
        lists = [await read.get(IMAGES), await read.get(IMAGES, params={"owner": "me"}, headers=ann.headers)]
        return (
            [(await read.get(part, headers=ann.headers)).status_code for part in parts],
            [len(page.json()["items"]) for page in lists],
        )

    async def shown() -> None:
        assert await answers() == ([200] * 3, [1, 1])

    await eventually(shown)
    clock.ahead = timedelta(seconds=3601)
    assert await answers() == ([404] * 3, [0, 0])
    refused = (
        await write.patch(address, json={"expires_at": None}, headers=ann.headers),
        await write.delete(address, headers=ann.headers),
        await write.post(f"{address}/links", json={}, headers=ann.headers),
        await write.delete(f"{address}/links", headers=ann.headers),
    )
    assert [answer.status_code for answer in refused] == [404] * 4


async def test_an_end_can_be_put_off_and_nobody_keeps_bytes_beyond_it(write, read):
    """They are kept for as long as any others where the end is far, or was taken away."""
    image = await upload(write, jpeg(), expires_in="3000")

    async def soon_gone() -> None:
        assert 0 < int((await kept(read, image)).removeprefix("public, max-age=")) <= 3000

    async def as_any_other() -> None:
        assert await kept(read, image) == "public, max-age=3600"

    await eventually(soon_gone)
    headers = {"X-Delete-Token": image["delete_token"]}
    for end in ((datetime.now(UTC) + timedelta(days=9)).isoformat(), None):
        changed = await write.patch(f"{IMAGES}/{image['id']}", json={"expires_at": end}, headers=headers)
        assert changed.status_code == 200
        read.headers["X-Consistency-Token"] = changed.headers["X-Consistency-Token"]
        await eventually(as_any_other)
    refused = await write.patch(f"{IMAGES}/{image['id']}", json={"expires_at": "2020-01-01T00:00:00Z"}, headers=headers)
    assert (refused.status_code, refused.json()["details"]) == (422, {"field": "expires_at"})


async def test_anonymous_uploads_get_an_end_by_default_and_the_worker_erases_what_has_ended(
    serve, worker, database, storage
):
    """Unless they say another one; accounts get none. What was erased stands in the audit log."""
    write = await serve(open_write, CHITRAM_ANONYMOUS_EXPIRY="3600")
    ann = await person(write)
    files = {"file": ("a.jpg", jpeg())}
    hers = (await write.post(f"{IMAGES}/upload", files=files, headers=ann.headers)).json()
    stays, goes = await upload(write, jpeg()), await upload(write, jpeg(), expires_in="1")
    assert hers["expires_at"] is None
    assert [_life(image) for image in (stays, goes)] == [timedelta(seconds=3600), timedelta(seconds=1)]

    async def erased() -> None:
        left = await rows(database, "SELECT id, blob_id FROM images")
        assert {str(row["id"]) for row in left} == {hers["id"], stays["id"]}
        assert {key.partition("/")[0] for key in await objects(storage)} == {str(row["blob_id"]) for row in left}

    await eventually(erased)
    deeds = await rows(database, "SELECT actor, image_id FROM audit WHERE action = 'image.deleted'")
    assert [(row["actor"], str(row["image_id"])) for row in deeds] == [("system", goes["id"])]


def _life(image: dict) -> timedelta:
    return datetime.fromisoformat(image["expires_at"]) - datetime.fromisoformat(image["created_at"])
