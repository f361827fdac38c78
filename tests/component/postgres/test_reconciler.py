"""Work that is not done is asked for again, whatever became of the events that had asked for it."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from msgspec.structs import replace

from contracts.events import decode
from contracts.images import Failure
from infrastructure.postgres import reconciler as reconciler_module
from infrastructure.postgres.reconciler import Reconciler
from tests.component.postgres.images import RENDERED, plain_image

DAY = timedelta(days=1)


@pytest.fixture
def reconciler(primary):
    return new_reconciler(primary)


def new_reconciler(primary):
    return Reconciler(primary, clock=lambda: datetime.now(UTC), new_id=uuid4)


def soon():
    """A time that everything so far was before."""
    return datetime.now(UTC) + DAY


async def upload(ledger, count):
    images = [plain_image() for _ in range(count)]
    for image in images:
        await ledger.insert(image, delete_token_hash=None)
    return images


async def upload_twins(ledger):
    """Two images with the same bytes, which are rendered."""
    first, second = plain_image(), plain_image()
    await ledger.insert(first, delete_token_hash=None, scope="s")
    await ledger.record_ready(first.blob.id, **RENDERED)
    twin = replace(second, blob=replace(second.blob, sha256=first.blob.sha256))
    await ledger.insert(twin, delete_token_hash=None, scope="s")
    return first, twin


async def publish_all(outbox):
    async with outbox.claim(1000) as batch:
        await batch.mark_published([row.id for row in batch.rows])


async def told(outbox):
    """What is pending, as subjects and types."""
    return {(row.subject_id, row.type) for row in await outbox.peek(100)}


async def test_what_is_not_done_is_asked_for_again(reconciler, ledger, outbox):
    """Uploads that nobody rendered and deletions that are not erased; nothing else."""
    lost, ready, failed, deleted, erased = await upload(ledger, 5)
    await ledger.record_ready(ready.blob.id, **RENDERED)
    await ledger.record_failed(failed.blob.id, Failure("RENDER_FAILED", "no"), for_good=False)
    for image in (deleted, erased):
        await ledger.delete(image.id, lambda _: None)
    await ledger.erase(erased.id, erased.blob.id, datetime.now(UTC))
    await publish_all(outbox)
    assert await reconciler.round(datetime.now(UTC) - DAY) == 0
    assert await reconciler.round(soon()) == 2
    assert await told(outbox) == {(lost.id, "image.uploaded.v1"), (deleted.id, "image.deleted.v1")}


async def test_an_image_that_joined_a_blob_is_asked_for_on_its_own(reconciler, ledger, outbox):
    """What became of the blob for others doesn't settle the upload of an image that still waits to hear of it."""
    _, twin = await upload_twins(ledger)
    await publish_all(outbox)
    assert await reconciler.round(soon()) == 1
    assert await told(outbox) == {(twin.id, "image.uploaded.v1")}
    await ledger.record_joined(twin.id)
    await publish_all(outbox)
    assert await reconciler.round(soon() + DAY) == 0


async def test_a_deletion_is_done_when_the_row_is_gone_though_the_blob_lives_on(reconciler, ledger, outbox):
    """The blob is others' by then."""
    first, twin = await upload_twins(ledger)
    await ledger.record_joined(twin.id)
    await ledger.delete(first.id, lambda _: None)
    await publish_all(outbox)
    assert await reconciler.round(soon()) == 1
    await publish_all(outbox)
    await ledger.erase(first.id, first.blob.id, datetime.now(UTC))
    assert await reconciler.round(soon() + DAY) == 0


async def test_it_needs_no_old_event(reconciler, ledger, outbox, psql):
    """The outbox may have been emptied long ago, or be as lost as the stream."""
    (lost,) = await upload(ledger, 1)
    await psql.execute("DELETE FROM outbox")
    assert await reconciler.round(soon()) == 1
    assert await told(outbox) == {(lost.id, "image.uploaded.v1")}


async def test_what_was_just_said_is_not_said_again(reconciler, ledger, outbox):
    """Neither what waits to be published nor what was published since."""
    await upload(ledger, 1)
    assert await reconciler.round(soon()) == 0
    await publish_all(outbox)
    assert await reconciler.round(soon()) == 1
    assert await reconciler.round(soon()) == 0


async def test_it_tells_of_the_image_as_it_is_now(reconciler, ledger, outbox, psql):
    """Under a new id: readers believe events, and the stream drops ids that it knows."""
    (image,) = await upload(ledger, 1)
    changed = await ledger.update(image.id, lambda stored: replace(stored.image, filename="new.jpg"))
    ids = {row["id"] for row in await psql.fetch("SELECT id FROM outbox")}
    await publish_all(outbox)
    await reconciler.round(soon())
    (row,) = await outbox.peek(10)
    event = decode(row.payload)
    assert (row.type, row.version, event.image) == ("image.uploaded.v1", 2, changed.image)
    assert event.id not in ids


async def test_rounds_go_through_everything(reconciler, ledger, outbox, monkeypatch):
    """A page each, and from the beginning again after the last one."""
    monkeypatch.setattr(reconciler_module, "PAGE", 2)
    await upload(ledger, 5)
    await publish_all(outbox)
    assert [await reconciler.round(soon()) for _ in range(4)] == [2, 2, 1, 0]
    await publish_all(outbox)
    assert sum([await reconciler.round(soon()) for _ in range(3)]) == 5


async def test_workers_do_not_fight(primary, ledger, outbox):
    """However many make their rounds at once, each piece of work is asked for once."""
    await upload(ledger, 20)
    await publish_all(outbox)
    rounds = (new_reconciler(primary).round(soon()) for _ in range(8))
    assert sum(await asyncio.gather(*rounds)) == 20
