"""The worker, on real servers: relay, derive, erase."""

import re

from infrastructure import failpoints
from services.worker.main import open_app
from services.write.main import open_app as open_write
from tests.component.services.looking import IMAGES, objects, rows, upload
from tests.eventually import eventually
from tests.pictures import jpeg, png_with_transparency, undecodable_png

SHARDS = tuple(f"shard shard-{number}" for number in range(1, 5))


async def becomes_ready(database) -> None:
    async def is_ready() -> None:
        assert {row["state"] for row in await rows(database, "SELECT state FROM blobs")} == {"ready"}

    await eventually(is_ready)


async def test_an_upload_gets_every_variant_in_both_formats_on_two_shards(write, worker, storage, database):
    """Three sizes, WebP and JPEG, recorded with their event, and everything else a view shows."""
    view = await upload(write, jpeg(1000, 750))
    await becomes_ready(database)
    (blob_key,) = (key for key in await objects(storage) if key.endswith("/original"))
    blob_id = blob_key.partition("/")[0]
    expected = {f"{blob_id}/{size}-r1.{kind}": 2 for size in ("small", "medium", "large") for kind in ("webp", "jpg")}
    found = await objects(storage)
    assert {re.sub(r"-[0-9a-f]{12}\.", ".", key): copies for key, copies in found.items()} == {blob_key: 2, **expected}
    (row,) = await rows(database, "SELECT placeholder, dominant_color, perceptual_hash FROM blobs")
    assert all(row)
    types = await rows(database, "SELECT type, version FROM outbox ORDER BY created_at")
    assert [tuple(row) for row in types] == [("image.uploaded.v1", 1), ("image.ready.v1", 2)]
    assert (await rows(database, "SELECT id FROM images"))[0]["id"].hex == view["id"].replace("-", "")


async def test_transparency_is_kept_in_png(write, worker, storage, database):
    """The classic format of a picture with transparency is PNG."""
    await upload(write, png_with_transparency(), "a.png")
    await becomes_ready(database)
    kinds = {key.rpartition(".")[2] for key in await objects(storage) if "-r1-" in key}
    assert kinds == {"webp", "png"}


async def test_a_picture_that_can_not_be_decoded_fails_with_a_code_and_others_go_on(write, worker, database):
    """Its header is good and its body is not: the status says so, the next picture is rendered."""
    await upload(write, undecodable_png(), "broken.png")
    await upload(write, jpeg())

    async def both_are_settled() -> None:
        found = await rows(database, "SELECT state, failure_code FROM blobs ORDER BY created_at")
        assert [tuple(row) for row in found] == [("failed", "INVALID_IMAGE"), ("ready", None)]

    await eventually(both_are_settled)


async def test_a_deleted_picture_leaves_no_object_and_no_row(write, worker, storage, database):
    """Original and derivatives go from every shard, then the rows."""
    view = await upload(write, jpeg())
    await becomes_ready(database)
    await write.delete(f"{IMAGES}/{view['id']}", headers={"x-delete-token": view["delete_token"]})

    async def nothing_is_left() -> None:
        assert await objects(storage) == {}
        assert await rows(database, "SELECT id FROM images UNION ALL SELECT id FROM blobs") == []

    await eventually(nothing_is_left)


async def test_a_picture_deleted_before_it_was_rendered_leaves_nothing(serve, write, storage, database, unhurried):
    """Whichever of rendering and erasing comes first, nothing stays behind."""
    views = [await upload(write, jpeg(1600, 1200)) for _ in range(5)]
    for view in views:
        await write.delete(f"{IMAGES}/{view['id']}", headers={"x-delete-token": view["delete_token"]})
    await serve(open_app, CHITRAM_RENDER_PROCESSES="2", CHITRAM_ERASE_GRACE="0")

    async def nothing_is_left() -> None:
        assert await objects(storage) == {}
        assert await rows(database, "SELECT id FROM blobs") == []

    await eventually(nothing_is_left)


async def test_what_was_stored_for_a_picture_that_is_erased_meanwhile_goes_too(
    worker, write, storage, database, monkeypatch
):
    """Its thumbnails are on the shards, and whoever put them there fails before a row names them."""
    monkeypatch.setattr(
        failpoints, "_failpoints", failpoints.read({failpoints.VARIABLE: "derive.before_row=unavailable"})
    )
    view = await upload(write, jpeg())

    async def thumbnails_are_there() -> None:
        assert len(await objects(storage)) == 7

    await eventually(thumbnails_are_there)
    await write.delete(f"{IMAGES}/{view['id']}", headers={"x-delete-token": view["delete_token"]})

    async def nothing_is_left() -> None:
        assert await objects(storage) == {}
        assert await rows(database, "SELECT id FROM blobs") == []

    await eventually(nothing_is_left)


async def publish_to_nobody(database) -> None:
    """All events look published long ago, and the stream knows of none."""
    await rows(database, "UPDATE outbox SET published_at = now() - interval '2 hours' WHERE published_at IS NULL")


async def test_an_upload_that_the_stream_lost_is_rendered(serve, write, database):
    """Its blob is still `processing` long after the event was published, so it is asked for again."""
    await upload(write, jpeg())
    await publish_to_nobody(database)
    await serve(open_app, CHITRAM_RENDER_PROCESSES="1", CHITRAM_RECONCILE_AFTER="1")
    await becomes_ready(database)


async def test_a_deletion_that_the_stream_lost_is_carried_out(serve, server_environment, storage, database):
    """Its rows are still there long after the event was published, so it is asked for again."""
    write = await serve(open_write, CHITRAM_NATS_SERVERS="nats://127.0.0.1:1", CHITRAM_LEASE="0.2")
    view = await upload(write, jpeg())
    await write.delete(f"{IMAGES}/{view['id']}", headers={"x-delete-token": view["delete_token"]})
    await publish_to_nobody(database)
    lost = {"CHITRAM_NATS_SERVERS": server_environment["CHITRAM_NATS_SERVERS"], "CHITRAM_RECONCILE_AFTER": "1"}
    await serve(open_app, CHITRAM_RENDER_PROCESSES="1", CHITRAM_ERASE_GRACE="0", **lost)

    async def nothing_is_left() -> None:
        assert await objects(storage) == {}
        assert await rows(database, "SELECT id FROM images UNION ALL SELECT id FROM blobs") == []

    await eventually(nothing_is_left)


async def test_two_workers_share_the_work_and_do_nothing_twice(serve, write, database):
    """Every picture is rendered, each with exactly one event that says so."""
    await serve(open_app, CHITRAM_RENDER_PROCESSES="1")
    await serve(open_app)
    for _ in range(12):
        await upload(write, jpeg())
    await becomes_ready(database)

    async def everything_is_published() -> None:
        assert await rows(database, "SELECT id FROM outbox WHERE published_at IS NULL") == []

    await eventually(everything_is_published)
    ready = await rows(database, "SELECT subject_id FROM outbox WHERE type = 'image.ready.v1'")
    assert len(ready) == len({row["subject_id"] for row in ready}) == 12


async def test_its_health_names_what_it_stands_on(worker):
    """The primary, NATS and the storage; its metrics count what it consumed."""

    async def is_well() -> None:
        assert (await worker.get("/health")).json() == {
            "status": "ok",
            "service": "worker",
            "dependencies": {"postgres primary": "ok", "nats": "ok", "storage": "ok"} | dict.fromkeys(SHARDS, "ok"),
            "breakers": {name.removeprefix("shard "): "closed" for name in SHARDS},
        }

    await eventually(is_well)
    assert "queue_depth" in (await worker.get("/metrics")).text


async def test_it_measures_how_long_each_variant_takes(write, worker, database):
    """One observation a picture and variant, whatever the number of formats."""
    before = await observed(worker)
    await upload(write, jpeg())
    await becomes_ready(database)
    after = await observed(worker)
    assert {variant: after[variant] - before.get(variant, 0) for variant in after} == {
        "small": 1,
        "medium": 1,
        "large": 1,
    }


async def observed(worker) -> dict[str, float]:
    """How many times each variant was made."""
    text = (await worker.get("/metrics")).text
    return {
        variant: float(count)
        for variant, count in re.findall(r'derivative_seconds_count\{variant="(\w+)"\} (\S+)', text)
    }
