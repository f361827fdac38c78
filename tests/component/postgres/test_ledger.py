"""Each change is the rows and the event, together or not at all."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest
from msgspec.structs import replace

from contracts.errors import ImageNotFound, Unavailable, VersionConflict
from contracts.events import ImageChanged, ImageDeleted, ImageFailed, ImageReady, ImageUploaded
from contracts.images import Failure, Status, Visibility
from infrastructure.postgres.changes import StoredImage
from infrastructure.postgres.ledger import Ledger
from infrastructure.postgres.primary import open_primary
from tests.component.postgres.images import (
    DERIVATIVES,
    RENDERED,
    T0,
    blocked,
    counts,
    events_of,
    full_image,
    plain_image,
)
from tests.component.postgres.steps import patient


def allow(_stored: StoredImage) -> None:
    """Decides that it may be done."""


def rename(name: str):
    """Decides on another file name."""
    return lambda stored: replace(stored.image, filename=name)


@pytest.mark.parametrize("image", [plain_image(), full_image()], ids=["plain", "full"])
async def test_insert_stores_image_and_event(ledger, catalogue, psql, clock, image):
    """A new image reads back as it was given, and its event carries exactly that."""
    committed = await ledger.insert(image, delete_token_hash=b"hash")

    assert committed.image == image
    assert (await catalogue.select_image(image.id)).image == image
    assert await counts(psql) == (1, 1, 1)
    (event,) = await events_of(psql, image.id)
    assert isinstance(event, ImageUploaded)
    assert event.image == image
    assert event.occurred_at == clock.now


async def test_insert_copies_what_lists_filter_by(ledger, psql):
    """Type and size of the blob stand with the image too."""
    image = plain_image()
    await ledger.insert(image, delete_token_hash=None)
    row = await psql.fetchrow("SELECT content_type, file_size, delete_token_hash FROM images")
    assert tuple(row) == (image.blob.content_type, image.blob.size, None)


async def test_position_is_not_before_the_commit(ledger, psql):
    """The position that a change answers with lies behind everything that it wrote."""
    before = await psql.fetchval("SELECT pg_current_wal_insert_lsn()")
    committed = await ledger.insert(plain_image(), delete_token_hash=None)
    after = await psql.fetchval("SELECT pg_current_wal_insert_lsn()")
    assert before < await psql.fetchval("SELECT $1::text::pg_lsn", committed.lsn) <= after


async def test_failed_insert_leaves_nothing(primary, clock, psql):
    """When the event can't be written there is no image and no blob either."""
    event_id = uuid4()
    ledger = Ledger(primary, clock=clock, new_id=lambda: event_id)
    first = plain_image()
    await ledger.insert(first, delete_token_hash=None)
    with pytest.raises(asyncpg.UniqueViolationError):
        await ledger.insert(plain_image(), delete_token_hash=None)
    assert await counts(psql) == (1, 1, 1)
    with pytest.raises(asyncpg.UniqueViolationError):
        await ledger.update(first.id, rename("b.jpg"))
    assert await psql.fetchval("SELECT filename FROM images") == first.filename


async def test_update_stores_the_decision_and_event(ledger, catalogue, psql, clock):
    """Every word and right can be changed; version and time of change are the ledger's."""
    image = plain_image()
    await ledger.insert(image, delete_token_hash=None)
    wish = full_image()

    committed = await ledger.update(image.id, lambda _: wish)

    assert committed.image == replace(
        wish,
        id=image.id,
        blob=image.blob,
        version=2,
        created_at=image.created_at,
        updated_at=clock.now,
    )
    assert (await catalogue.select_image(image.id)).image == committed.image
    uploaded, changed = await events_of(psql, image.id)
    assert isinstance(uploaded, ImageUploaded)
    assert isinstance(changed, ImageChanged)
    assert changed.image == committed.image
    assert changed.occurred_at == committed.image.updated_at


async def test_update_cannot_touch_facts(ledger, catalogue):
    """What a decision can't change stays, whatever it answers."""
    image = plain_image()
    await ledger.insert(image, delete_token_hash=None)
    lie = replace(
        plain_image(),
        status=Status.READY,
        failure=Failure("X", "x"),
        version=99,
        deleted_at=T0,
        created_at=T0 + timedelta(1),
    )
    committed = await ledger.update(image.id, lambda _: lie)
    assert committed.image == replace(image, version=2, updated_at=committed.image.updated_at)
    assert (await catalogue.select_image(image.id)).image == committed.image


async def test_decisions_see_the_token_hash(ledger):
    """A decision is shown the image as it stands and the hash of its delete token."""
    image = full_image()
    await ledger.insert(image, delete_token_hash=b"\x00\xff")
    seen = []
    await ledger.delete(image.id, seen.append)
    assert seen == [StoredImage(image, b"\x00\xff")]


@pytest.mark.parametrize("change", ["update", "delete"])
async def test_refused_decision_leaves_nothing(ledger, catalogue, psql, change):
    """A decision that raises, on a stale version for example, changes no row and writes no event."""
    image = plain_image()
    await ledger.insert(image, delete_token_hash=None)

    def refuse(_stored):
        raise VersionConflict

    with pytest.raises(VersionConflict):
        await getattr(ledger, change)(image.id, refuse)
    assert (await catalogue.select_image(image.id)).image == image
    assert await counts(psql) == (1, 1, 1)


async def test_of_two_who_read_the_same_version_one_gets_a_conflict(ledger, psql):
    """Changes wait for each other, so a check of the version inside the decision can't be overtaken."""
    image = plain_image()
    await ledger.insert(image, delete_token_hash=None)

    def if_first_version(stored: StoredImage):
        if stored.image.version != 1:
            raise VersionConflict
        return replace(stored.image, description="mine")

    outcomes = await asyncio.gather(
        *(ledger.update(image.id, if_first_version) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(outcome, VersionConflict) for outcome in outcomes) == 4
    assert [event.image.version for event in await events_of(psql, image.id)] == [1, 2]


async def test_versions_grow_by_one(ledger, psql):
    """Ten changes at once give ten versions, each with its own event."""
    image = plain_image()
    await ledger.insert(image, delete_token_hash=None)
    await asyncio.gather(*(ledger.update(image.id, rename(f"{n}.jpg")) for n in range(10)))
    events = await events_of(psql, image.id)
    assert [event.image.version for event in events] == list(range(1, 12))
    assert await psql.fetchval("SELECT filename FROM images") == events[-1].image.filename


@pytest.mark.parametrize("deleted", [True, False], ids=["deleted", "absent"])
async def test_there_is_no_changing_what_is_not_there(ledger, psql, deleted):
    """An image that is absent or deleted is not found, by update and delete alike."""
    image = plain_image()
    if deleted:
        await ledger.insert(image, delete_token_hash=None)
        await ledger.delete(image.id, allow)
    before = await counts(psql)
    with pytest.raises(ImageNotFound):
        await ledger.update(image.id, rename("b.jpg"))
    with pytest.raises(ImageNotFound):
        await ledger.delete(image.id, allow)
    assert await counts(psql) == before


async def test_delete_marks_the_image_and_tells(ledger, catalogue, psql, clock):
    """A deleted image is a new version that no reader gets; the row stays until it is erased."""
    image = plain_image()
    await ledger.insert(image, delete_token_hash=None)

    committed = await ledger.delete(image.id, allow)

    assert committed.image == replace(image, version=2, updated_at=clock.now, deleted_at=clock.now)
    assert (await catalogue.select_image(image.id)).image is None
    assert await counts(psql) == (1, 1, 2)
    event = (await events_of(psql, image.id))[-1]
    assert isinstance(event, ImageDeleted)
    assert event.image == committed.image


async def test_ready_once(ledger, catalogue, psql, clock):
    """What was rendered is stored and told once, however often it is recorded."""
    image = plain_image()
    await ledger.insert(image, delete_token_hash=None)

    (ready,) = await ledger.record_ready(image.blob.id, **RENDERED)

    assert ready == replace(
        image, version=2, updated_at=clock.now, status=Status.READY, blob=replace(image.blob, **RENDERED)
    )
    assert (await catalogue.select_image(image.id)).image == ready
    assert await ledger.record_ready(image.blob.id, **RENDERED) == ()
    assert await ledger.record_failed(image.blob.id, Failure("X", "too late"), for_good=True) == ()
    _, event = await events_of(psql, image.id)
    assert isinstance(event, ImageReady)
    assert event.image == ready
    assert (await catalogue.select_image(image.id)).image == ready


async def test_ready_at_the_same_time(ledger, psql):
    """Of several workers that finish the same blob together one records it."""
    image = plain_image()
    await ledger.insert(image, delete_token_hash=None)
    answers = await asyncio.gather(*(ledger.record_ready(image.blob.id, **RENDERED) for _ in range(4)))
    assert sorted(len(images) for images in answers) == [0, 0, 0, 1]
    assert len(await events_of(psql, image.id)) == 2


async def test_ready_reaches_every_live_image_of_the_blob(ledger, psql):
    """Each image that shares the blob gets a version and an event; deleted ones are left alone."""
    images = await share_blob(ledger, psql, 3)
    await ledger.delete(images[2].id, allow)

    ready = await ledger.record_ready(images[0].blob.id, **RENDERED)

    assert {image.id for image in ready} == {images[0].id, images[1].id}
    assert all(image.status is Status.READY and image.blob.derivatives == DERIVATIVES for image in ready)
    for image in ready:
        assert (await events_of(psql, image.id))[-1].image == image
    assert await psql.fetchval("SELECT version FROM images WHERE id = $1", images[2].id) == 2


async def share_blob(ledger: Ledger, psql: asyncpg.Connection, count: int):
    """Images that all have the first one's blob."""
    images = [plain_image() for _ in range(count)]
    for image in images:
        await ledger.insert(image, delete_token_hash=None)
    await psql.execute("UPDATE images SET blob_id = $1", images[0].blob.id)
    await psql.execute("DELETE FROM blobs WHERE id <> $1", images[0].blob.id)
    return [replace(image, blob=images[0].blob) for image in images]


async def test_failure_is_stored_and_told(ledger, catalogue, psql):
    """A blob that can't be rendered says why; a later success takes that back."""
    image = plain_image()
    await ledger.insert(image, delete_token_hash=None)
    failure = Failure("UNDECODABLE", "The picture is damaged.")

    (failed,) = await ledger.record_failed(image.blob.id, failure, for_good=True)

    assert (failed.status, failed.failure, failed.version) == (Status.FAILED, failure, 2)
    assert (await catalogue.select_image(image.id)).image == failed
    assert await ledger.record_failed(image.blob.id, failure, for_good=True) == ()
    event = (await events_of(psql, image.id))[-1]
    assert isinstance(event, ImageFailed)
    assert event.image == failed

    (ready,) = await ledger.record_ready(image.blob.id, **RENDERED)
    assert (ready.status, ready.failure, ready.version) == (Status.READY, None, 3)
    assert (await catalogue.select_image(image.id)).image == ready


async def test_nothing_to_record_for_a_blob_that_is_gone(ledger, psql):
    """Results for a blob that was erased meanwhile are dropped."""
    assert await ledger.record_ready(uuid4(), **RENDERED) == ()
    assert await ledger.record_failed(uuid4(), Failure("X", "x"), for_good=True) == ()
    assert await counts(psql) == (0, 0, 0)


async def test_change_that_waited_for_ready_tells_of_both(ledger, psql, other):
    """A change that waits while a blob becomes ready carries the ready blob, and is the newer version."""
    image = plain_image()
    await ledger.insert(image, delete_token_hash=None)
    async with other.transaction():
        await other.execute("SELECT 1 FROM images WHERE id = $1 FOR UPDATE", image.id)
        ready = asyncio.create_task(ledger.record_ready(image.blob.id, **RENDERED))
        await blocked(psql, 1)
        change = asyncio.create_task(ledger.update(image.id, rename("b.jpg")))
        await blocked(psql, 2)
    await ready
    await change
    events = await events_of(psql, image.id)
    assert [event.image.version for event in events] == [1, 2, 3]
    assert events[-1].image.filename == "b.jpg"
    assert events[-1].image.status is Status.READY
    assert events[-1].image.blob.derivatives == DERIVATIVES


async def test_locked_row_is_unavailable(address, clock, ledger, catalogue, psql):
    """A row that somebody else keeps locked makes a change fail within the lock's deadline, and do nothing."""
    image = plain_image()
    await ledger.insert(image, delete_token_hash=None)
    async with open_primary(patient(address, lock_timeout=1.0)) as primary, psql.transaction():
        hasty = Ledger(primary, clock=clock, new_id=uuid4)
        await psql.execute("SELECT 1 FROM images WHERE id = $1 FOR UPDATE", image.id)
        with pytest.raises(Unavailable):
            await hasty.update(image.id, rename("b.jpg"))
        with pytest.raises(Unavailable):
            await hasty.delete(image.id, allow)
        with pytest.raises(Unavailable):
            await hasty.record_ready(image.blob.id, **RENDERED)
    assert (await catalogue.select_image(image.id)).image == image
    assert await counts(psql) == (1, 1, 1)
    assert (await ledger.update(image.id, rename("b.jpg"))).image.version == 2


async def test_private_images_are_found_by_id(ledger, catalogue):
    """Who may see an image is not the catalogue's business."""
    image = plain_image(visibility=Visibility.PRIVATE)
    await ledger.insert(image, delete_token_hash=None)
    assert (await catalogue.select_image(image.id)).image == image
    assert (await catalogue.select_image(uuid4())).image is None
