"""Thumbnails made anew, on real servers."""

import asyncio
import json
import sys
from urllib.parse import urlsplit

import pytest

from services.cli.main import main
from services.worker.main import open_app
from tests.component.services.looking import IMAGES, objects, rows, upload
from tests.eventually import eventually
from tests.pictures import jpeg

LIST = "INSERT INTO rerenders (blob_id, variants, requested_at) SELECT id, '{small,medium}', now() FROM blobs"


@pytest.fixture
async def image(write, read, database, serve) -> dict:
    """An image that is ready, made by a recipe that is older now, and a worker that works on the list alone."""
    await serve(open_app, CHITRAM_RENDER_PROCESSES="1", CHITRAM_RERENDER_SHARE="1")
    uploaded = await upload(write, jpeg(400, 300))

    async def is_ready() -> dict:
        shown = (await read.get(f"{IMAGES}/{uploaded['id']}")).json()
        assert shown.get("status") == "ready"
        return {**shown, "delete_token": uploaded["delete_token"]}

    view = await eventually(is_ready)
    await rows(
        database,
        "UPDATE blobs SET derivatives = replace(derivatives::text, '-r1-', '-r0-')::jsonb WHERE state = 'ready'",
    )
    return view


async def test_readers_are_told_of_what_was_made_anew_and_the_old_is_written_down_to_go(image, read, database, storage):
    """A new version names other objects; the thumbnails that were not asked for stay."""
    # Readers still have the names from before the row was written anew for this test.
    before = {name: (await key(read, image, name)).replace("-r1-", "-r0-") for name in ("small", "medium", "large")}
    await rows(database, LIST)

    async def is_new() -> dict:
        shown = (await read.get(f"{IMAGES}/{image['id']}")).json()
        assert shown["version"] == image["version"] + 1
        return shown

    shown = await eventually(is_new)
    assert (shown["status"], shown["thumbnails"]) == ("ready", image["thumbnails"])
    after = {name: await key(read, image, name) for name in before}
    assert {name for name in before if before[name] != after[name]} == {"small", "medium"}
    there = await objects(storage)
    assert there[after["small"]] == there[after["medium"]] == 2
    discarded = await rows(database, "SELECT key FROM discarded WHERE not_before > now() + interval '59 minutes'")
    assert {row["key"].rpartition("/")[2].partition("-r0-")[0] for row in discarded} == {"small", "medium"}
    assert len(discarded) == 8
    assert await rows(database, "SELECT blob_id FROM rerenders") == []


async def key(read, image: dict, variant: str) -> str:
    """The object that is named for a thumbnail; an image is never without its thumbnails meanwhile."""
    answer = await read.get(f"{IMAGES}/{image['id']}/thumbnails/{variant}")
    assert answer.status_code == 200
    return "/".join(urlsplit(answer.headers["x-accel-redirect"]).path.split("/")[-2:])


async def test_an_image_that_is_deleted_meanwhile_leaves_nothing(image, write, database, storage):
    """Whichever comes first, rendering anew or erasing."""
    await rows(database, LIST)
    await write.delete(f"{IMAGES}/{image['id']}", headers={"x-delete-token": image["delete_token"]})

    async def no_row_is_left() -> None:
        assert await rows(database, "SELECT id FROM blobs UNION ALL SELECT blob_id FROM rerenders") == []

    await eventually(no_row_is_left)


@pytest.fixture
def chitram(server_environment, monkeypatch, tmp_path, capsys):
    """`await chitram("rerender", ...)` gives the exit status and what was said."""
    for name, value in server_environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    async def run(*arguments: str) -> tuple[int, str]:
        status = await asyncio.to_thread(main, arguments)
        said = capsys.readouterr()
        sys.stderr.write(said.err)  # shown when the test fails
        return status, said.out

    return run


async def test_the_command_asks_and_waits_until_everything_is_rendered(image, chitram, database):
    """It tells how many were looked at and made anew; then there is nothing older left."""
    await rows(
        database, "UPDATE blobs SET derivatives = replace(derivatives::text, '\"recipe\": 1', '\"recipe\": 0')::jsonb"
    )
    status, said = await chitram("rerender", "--json")
    assert (status, json.loads(said)) == (
        0,
        {"looked_at": 1, "requested": 1, "waiting": 0, "failed": 0, "problems": []},
    )
    assert (await chitram("rerender"))[1] == "1 pictures looked at, 0 of them to be rendered anew.\n"
    assert json.loads((await chitram("rerender", "--json", "--variant", "small"))[1])["requested"] == 1
    assert (
        json.loads((await chitram("rerender", "--json", "--variant", "small", "--since", "2100-01-01"))[1])["requested"]
        == 0
    )


async def test_the_command_names_what_could_not_be_rendered(image, chitram, database, storage):
    """An original that is no picture any more keeps its thumbnails; the exit status says that not all is well."""
    await rows(database, "UPDATE blobs SET content_type = 'image/gif'")
    status, said = await chitram("rerender", "--variant", "large")
    assert status == 1
    assert f"  {image['id']}  INVALID_IMAGE\n" in said
    assert [row["state"] for row in await rows(database, "SELECT state FROM blobs")] == ["ready"]


async def test_what_nobody_works_on_can_be_left_and_taken_back(write, read, database, chitram):
    """Without a worker the request waits; a second one adds nothing; cancelled, there is none."""
    await upload(write, jpeg())
    await rows(database, "UPDATE blobs SET state = 'ready'")
    for _ in range(2):
        status, said = await chitram("rerender", "--no-wait")
        assert status == 0
        assert "1 wait for the workers" in said
    assert (await chitram("rerender", "--cancel"))[1] == "1 pictures were struck off the list.\n"
    assert await rows(database, "SELECT blob_id FROM rerenders") == []
