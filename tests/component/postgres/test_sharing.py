"""Images with the same bytes share a blob, and it lives as long as one of them."""

import asyncio
import random
from datetime import timedelta
from uuid import uuid4

import pytest
from msgspec.structs import replace

from contracts.errors import Unavailable
from contracts.events import ImageFailed, ImageReady, ImageUploaded
from contracts.images import Failure, Image, Status
from infrastructure.postgres import arrivals
from infrastructure.postgres.ledger import Ledger, copies_of
from infrastructure.postgres.moves import Moves
from tests.component.postgres.images import RENDERED, T0, blocked, counts, events_of, plain_image

SHA256 = "5a" * 32
LATER = T0 + timedelta(days=1)


def same_bytes(**fields) -> Image:
    """An image just uploaded, always with the same bytes, in objects of its own."""
    image = plain_image(**fields)
    return replace(image, blob=replace(image.blob, sha256=SHA256))


async def arrive(ledger: Ledger, image: Image, scope: str | None = "all") -> Image:
    """The image as its uploader is told of it."""
    same = await ledger.select_same(image.blob.sha256, scope)
    return (await ledger.insert(image, delete_token_hash=None, scope=scope, same=same)).image


async def leave(ledger: Ledger, image: Image) -> None:
    """Deletes and erases an image."""
    await ledger.delete(image.id, lambda _: None)
    await ledger.erase(image.id, image.blob.id, LATER)


async def given_up(psql) -> set[tuple[str, str]]:
    """Copies that are to be deleted."""
    return {(row["key"], row["shard"]) for row in await psql.fetch("SELECT key, shard FROM discarded")}


async def test_the_same_bytes_are_stored_once(ledger, catalogue, psql):
    """The second image gets the first one's blob, and its own objects are given up with the same commit."""
    first, second = same_bytes(), same_bytes()
    await arrive(ledger, first)

    told = await arrive(ledger, second)

    assert told == replace(second, blob=first.blob)
    assert (await catalogue.select_image(second.id)).image == told
    assert await counts(psql) == (1, 2, 2)
    assert await given_up(psql) == set(copies_of(second.blob))
    (event,) = await events_of(psql, second.id)
    assert isinstance(event, ImageUploaded)
    assert event.image == told


async def test_who_did_not_look_finds_out_at_the_commit(ledger, psql):
    """An upload that saw no blob when it began joins the one that has come meanwhile."""
    first, second = same_bytes(), same_bytes()
    await arrive(ledger, first)
    committed = await ledger.insert(second, delete_token_hash=None, scope="all", same=None)
    assert committed.image.blob == first.blob
    assert await counts(psql) == (1, 2, 2)
    assert await given_up(psql) == set(copies_of(second.blob))


async def test_who_looked_and_finds_the_blob_gone_keeps_his_own(ledger, psql):
    """A blob that was erased while its objects were being written is not the upload's any more."""
    first, second = same_bytes(), same_bytes()
    await arrive(ledger, first)
    await leave(ledger, first)
    committed = await ledger.insert(second, delete_token_hash=None, scope="all", same=first.blob)
    assert committed.image == second
    assert await counts(psql) == (1, 1, 3)
    assert await given_up(psql) == set(copies_of(first.blob))


async def test_who_looked_before_the_bytes_moved_looks_again(ledger, psql):
    """Events say where the bytes are, so an old placement is not written down."""
    first, second = same_bytes(), same_bytes()
    await arrive(ledger, first)
    await psql.execute("UPDATE blobs SET placement = '{three,four}'")
    committed = await ledger.insert(second, delete_token_hash=None, scope="all", same=first.blob)
    assert committed.image.blob == replace(first.blob, placement=("three", "four"))


@pytest.mark.parametrize(("one", "other"), [("user:1", "user:2"), (None, None), (None, "all")])
async def test_other_scopes_share_nothing(ledger, psql, one, other):
    """Where uploads don't share, each has a blob of its own."""
    await arrive(ledger, same_bytes(), one)
    await arrive(ledger, same_bytes(), other)
    assert await counts(psql) == (2, 2, 2)
    assert await given_up(psql) == set()


async def test_an_uploader_is_not_told_what_is_known_already(ledger, catalogue, clock, psql):
    """Until its own event is handled an image looks as if its bytes were new, also when it is changed meanwhile."""
    first, second = same_bytes(), same_bytes()
    await arrive(ledger, first)
    await ledger.record_ready(first.blob.id, **RENDERED)

    told = await arrive(ledger, second)
    assert told == (await catalogue.select_image(second.id)).image == replace(second, blob=first.blob)
    changed = (await ledger.update(second.id, lambda stored: replace(stored.image, filename="b.jpg"))).image
    assert (changed.status, changed.blob) == (Status.PROCESSING, first.blob)

    ready = await ledger.record_joined(second.id)
    assert ready == (await catalogue.select_image(second.id)).image
    assert ready == replace(
        changed, version=3, updated_at=clock.now, status=Status.READY, blob=replace(first.blob, **RENDERED)
    )
    event = (await events_of(psql, second.id))[-1]
    assert isinstance(event, ImageReady)
    assert event.image == ready
    assert await ledger.record_joined(second.id) is None


async def test_an_image_waits_while_its_blob_is_rendered(ledger, catalogue):
    """Nothing is told of a blob that has nothing to tell; then all its images hear of it together."""
    first, second = same_bytes(), same_bytes()
    await arrive(ledger, first)
    await arrive(ledger, second)
    assert await ledger.record_joined(second.id) is None
    ready = await ledger.record_ready(first.blob.id, **RENDERED, seconds=1.5)
    assert {image.id for image in ready} == {first.id, second.id}
    assert await ledger.record_joined(second.id) is None
    assert (await ledger.progress_of(first.blob.id)).seconds == 1.5


async def test_an_image_whose_bytes_are_found_again_waits_to_be_rendered(ledger, primary, clock, psql):
    """If they were lost before that was done; so it is not forgotten."""
    moves = Moves(primary, clock=clock, new_id=uuid4)
    image = same_bytes()
    await arrive(ledger, image)
    assert await moves.record_lost(image.blob.id, Failure("BYTES_LOST", "They are gone."))
    assert not await psql.fetchval("SELECT pending FROM images")
    assert await moves.record_found(image.blob.id, "BYTES_LOST")
    assert await psql.fetchval("SELECT pending FROM images")
    await ledger.record_ready(image.blob.id, **RENDERED)
    assert not await psql.fetchval("SELECT pending FROM images")


async def test_bad_bytes_are_bad_for_everyone(ledger, psql):
    """Who sends bytes that can't be rendered hears what the first one heard."""
    first, second = same_bytes(), same_bytes()
    await arrive(ledger, first)
    await ledger.record_failed(first.blob.id, Failure("INVALID_IMAGE", "no"), for_good=True)
    assert (await arrive(ledger, second)).status is Status.PROCESSING
    failed = await ledger.record_joined(second.id)
    assert (failed.status, failed.failure) == (Status.FAILED, Failure("INVALID_IMAGE", "no"))
    assert isinstance((await events_of(psql, second.id))[-1], ImageFailed)


async def test_bytes_that_failed_for_lack_of_something_get_another_chance(ledger, psql):
    """Whoever sends them again gets a blob of his own, also when the first one is rendered after all."""
    first, second = same_bytes(), same_bytes()
    await arrive(ledger, first)
    await ledger.record_failed(first.blob.id, Failure("RENDER_FAILED", "no"), for_good=False)
    assert (await arrive(ledger, second)).blob == second.blob
    await ledger.record_ready(first.blob.id, **RENDERED)
    assert (await ledger.progress_of(second.blob.id)).state is Status.PROCESSING
    assert await given_up(psql) == set()


async def test_a_blob_lives_as_long_as_one_of_its_images(ledger, catalogue, psql):
    """With an image its row goes; with the last one the blob does, and all its objects are given up."""
    first, second = same_bytes(), same_bytes()
    await arrive(ledger, first)
    second = await arrive(ledger, second)
    await ledger.record_ready(first.blob.id, **RENDERED)
    spare = await given_up(psql)

    await leave(ledger, first)
    assert (await catalogue.select_image(first.id)).image is None
    assert (await counts(psql))[:2] == (1, 1)
    assert await given_up(psql) == spare

    await leave(ledger, second)
    assert (await counts(psql))[:2] == (0, 0)
    assert await given_up(psql) == spare | set(copies_of(replace(first.blob, derivatives=RENDERED["derivatives"])))
    assert await psql.fetchval("SELECT max(not_before) FROM discarded") == LATER
    assert await ledger.progress_of(first.blob.id) is None
    await ledger.erase(second.id, first.blob.id, LATER)


async def test_a_deleted_image_that_is_not_erased_yet_keeps_the_blob(ledger, psql):
    """Its own erasing will see to it."""
    first, second = same_bytes(), same_bytes()
    await arrive(ledger, first)
    await arrive(ledger, second)
    for image in (first, second):
        await ledger.delete(image.id, lambda _: None)
    await ledger.erase(first.id, first.blob.id, LATER)
    assert (await counts(psql))[:2] == (1, 1)
    await ledger.erase(second.id, first.blob.id, LATER)
    assert (await counts(psql))[:2] == (0, 0)


async def test_live_images_are_not_erased(ledger, catalogue):
    """Whatever an event says."""
    image = same_bytes()
    await arrive(ledger, image)
    await ledger.erase(image.id, image.blob.id, LATER)
    assert (await catalogue.select_image(image.id)).image == image


async def test_nobody_joins_a_blob_that_is_being_erased(ledger, psql, other):
    """An upload that comes while a blob is locked waits, and then keeps its own bytes."""
    first, second = same_bytes(), same_bytes()
    await arrive(ledger, first)
    async with other.transaction():
        await other.execute("SELECT FROM blobs WHERE id = $1 FOR UPDATE", first.blob.id)
        arriving = asyncio.create_task(arrive(ledger, second))
        await blocked(psql, 1)
        await other.execute("DELETE FROM images WHERE id = $1", first.id)
        await other.execute("DELETE FROM blobs WHERE id = $1", first.blob.id)
    assert (await arriving).blob == second.blob


async def test_erasing_waits_for_an_upload_that_joins(ledger, psql, other):
    """An image that comes to point at a blob while that is being erased keeps it."""
    first, second = same_bytes(), same_bytes()
    await arrive(ledger, first)
    await ledger.delete(first.id, lambda _: None)
    async with other.transaction():
        await other.execute("SELECT FROM blobs WHERE id = $1 FOR KEY SHARE", first.blob.id)
        erasing = asyncio.create_task(ledger.erase(first.id, first.blob.id, LATER))
        await blocked(psql, 1)
        await other.execute(
            """
            INSERT INTO images
                (id, blob_id, version, filename, content_type, file_size, visibility, created_at, updated_at)
            VALUES ($1, $2, 1, 'b.jpg', 'image/jpeg', 1000, 'public', now(), now())
            """,
            second.id,
            first.blob.id,
        )
    await erasing
    assert (await counts(psql))[:2] == (1, 1)
    assert await given_up(psql) == set()


async def test_blobs_that_come_and_go_too_fast_are_unavailable(ledger, monkeypatch, psql):
    """An upload that never catches the blob with its bytes gives up, and leaves nothing."""

    async def never(*_):
        return None

    monkeypatch.setattr(arrivals, "insert_with_blob", never)
    image = same_bytes()
    with pytest.raises(Unavailable):
        await arrive(ledger, image)
    assert await counts(psql) == (0, 0, 0)
    assert await given_up(psql) == set(copies_of(image.blob))


async def test_a_hundred_at_once(ledger, psql):
    """Uploads and deletions of the same bytes, all at the same moment: at most one blob has them, as the rows say.

    Every object is some live blob's or given up; those of a live blob are not given up.
    """
    images = [same_bytes() for _ in range(100)]
    rng = random.Random(4)

    async def come_and_go(image: Image, stays: bool) -> None:
        await asyncio.sleep(rng.random() / 20)
        told = await arrive(ledger, image)
        if not stays:
            await asyncio.sleep(rng.random() / 20)
            await leave(ledger, told)

    for staying in (3, 0):
        await asyncio.gather(*(come_and_go(image, n < staying) for n, image in enumerate(images)))
        blobs = await psql.fetch("SELECT id FROM blobs")
        assert len(blobs) == (1 if staying else 0)
        assert await psql.fetchval("SELECT count(*) FROM images") == staying
        alive = {f"{row['id']}/original" for row in blobs}
        gone = {key for key, _ in await given_up(psql)}
        assert not alive & gone
        assert alive | gone == {image.blob.key for image in images}
        for image in images[:staying]:
            told = (await events_of(psql, image.id))[-1].image
            await leave(ledger, told)
        images = [same_bytes() for _ in range(100)]
        await psql.execute("DELETE FROM discarded")
