"""What was given up is kept with its reason, and tried again when somebody wishes."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from contracts.events import ImageChanged, ImageDeleted, ImageTrashed, ImageUploaded, decode, encode, event_type
from contracts.images import Failure
from infrastructure.nats.delivery import GivenUp
from infrastructure.postgres.quarantine import REASON, Quarantine, Replayed
from tests.component.postgres.images import RENDERED, plain_image

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def shelf(primary):
    return Quarantine(primary, clock=lambda: datetime.now(UTC), new_id=uuid4)


async def keep(shelf, image, kind=ImageUploaded, *, consumer="derive", reason="no luck"):
    """Gives up an event about an image."""
    event = kind(uuid4(), datetime.now(UTC), image)
    await shelf.insert(GivenUp(event.id, consumer, event, event_type(event), encode(event), reason, 5))
    return event


async def upload(ledger):
    image = plain_image()
    await ledger.insert(image, delete_token_hash=None)
    return image


async def test_what_was_given_up_is_kept_once(shelf):
    """With all that is known of it; the newer reason wins."""
    image = plain_image()
    event = await keep(shelf, image)
    await shelf.insert(GivenUp(event.id, "derive", event, event_type(event), encode(event), "worse\0" * REASON, 9))
    (row,) = await shelf.select()
    assert (row.id, row.consumer, row.subject_id, row.type) == (event.id, "derive", image.id, "image.uploaded.v1")
    assert (row.attempts, len(row.reason), decode(row.payload)) == (9, REASON, event)
    assert await shelf.find(event.id) == (row,)
    assert await shelf.find(uuid4()) == ()


async def test_the_same_work_is_kept_once(shelf):
    """However often it was said again that it is to be done."""
    image = plain_image()
    await keep(shelf, image)
    newest = await keep(shelf, image)
    other = await keep(shelf, image, ImageDeleted, consumer="erase")
    assert [row.id for row in await shelf.select()] == [other.id, newest.id]


async def test_they_can_be_told_apart(shelf):
    """By subject and by consumer, and be counted."""
    one, two = plain_image(), plain_image()
    first = await keep(shelf, one)
    second = await keep(shelf, two, ImageDeleted, consumer="erase")
    assert [row.id for row in await shelf.select()] == [second.id, first.id]
    assert [row.id for row in await shelf.select(subject_id=one.id)] == [first.id]
    assert [row.id for row in await shelf.select(consumer="erase")] == [second.id]
    assert await shelf.count() == {"derive": 1, "erase": 1}


async def test_a_replay_is_a_new_event_about_the_image_as_it_is_now(shelf, ledger, outbox):
    """So the stream can't take it for one it knows, and readers are told nothing old."""
    image = await upload(ledger)
    event = await keep(shelf, image)
    await ledger.record_failed(image.blob.id, Failure("PROCESSING_FAILED", "No luck."), for_good=False)
    assert await shelf.replay(event.id) is Replayed.SENT
    assert await shelf.select() == ()
    told = decode((await outbox.peek(10))[-1].payload)
    assert isinstance(told, ImageUploaded)
    assert told.id != event.id
    assert (told.image.id, told.version, told.image.failure.message) == (image.id, 2, "No luck.")


async def test_a_replay_of_what_is_gone_is_pointless(shelf, ledger, outbox):
    """Nobody is told anything, and it leaves the quarantine."""
    image = await upload(ledger)
    await ledger.delete(image.id, lambda _: None)
    before = len(await outbox.peek(10))
    deleted, unknown = await keep(shelf, image), await keep(shelf, plain_image())
    assert [await shelf.replay(deleted.id), await shelf.replay(unknown.id)] == [Replayed.POINTLESS] * 2
    assert (await shelf.select(), len(await outbox.peek(10))) == ((), before)


async def test_a_deletion_can_be_replayed(shelf, ledger, outbox):
    """As long as there is something left to erase."""
    image = await upload(ledger)
    gone = (await ledger.delete(image.id, lambda _: None)).image
    event = await keep(shelf, gone, ImageDeleted, consumer="erase")
    assert await shelf.replay(event.id) is Replayed.SENT
    assert isinstance(decode((await outbox.peek(10))[-1].payload), ImageDeleted)


async def test_what_can_not_be_decoded_stays(shelf):
    """And what is not there can't be replayed."""
    event_id = uuid4()
    await shelf.insert(GivenUp(event_id, "erase", None, "image.deleted.v1", b"?", "It can't be decoded.", 1))
    assert await shelf.replay(event_id) is Replayed.UNDECODABLE
    assert await shelf.replay(uuid4()) is Replayed.MISSING
    assert await shelf.prune(LONG_AGO) == 0
    assert [row.id for row in await shelf.select()] == [event_id]


async def test_what_was_done_by_other_means_is_let_go(shelf, ledger):
    """Rendered or deleted after all, or erased; what is still to be done stays."""
    done, open_, deleted = [await upload(ledger) for _ in range(3)]
    await ledger.record_ready(done.blob.id, **RENDERED)
    await ledger.record_failed(open_.blob.id, Failure("PROCESSING_FAILED", "No luck."), for_good=False)
    gone = (await ledger.delete(deleted.id, lambda _: None)).image
    await keep(shelf, done)
    await keep(shelf, deleted)
    await keep(shelf, plain_image(), ImageDeleted, consumer="erase")
    kept = {(await keep(shelf, open_)).id, (await keep(shelf, gone, ImageDeleted, consumer="erase")).id}
    assert await shelf.prune(LONG_AGO) == 3
    assert {row.id for row in await shelf.select()} == kept


@pytest.mark.parametrize("kind", [ImageChanged, ImageTrashed, ImageDeleted])
async def test_what_caches_were_to_forget_stays_when_the_image_is_gone(shelf, outbox, kind):
    """They may still have it. Tried again it is a deletion, which readers may believe of what is gone."""
    image = plain_image()
    event = await keep(shelf, image, kind, consumer="purge")
    assert await shelf.prune(LONG_AGO) == 0
    assert await shelf.replay(event.id) is Replayed.SENT
    told = decode((await outbox.peek(10))[-1].payload)
    assert (type(told), told.image, await shelf.select()) == (ImageDeleted, image, ())


async def test_what_caches_were_to_forget_is_told_as_it_is_now(shelf, ledger, outbox):
    """A change of an image that was deleted since, and is still to be erased, is its deletion."""
    there, deleted = await upload(ledger), await upload(ledger)
    gone = (await ledger.delete(deleted.id, lambda _: None)).image
    for event in [await keep(shelf, image, ImageChanged, consumer="purge") for image in (there, deleted)]:
        assert await shelf.replay(event.id) is Replayed.SENT
    changed, erased = [decode(row.payload) for row in (await outbox.peek(10))[-2:]]
    assert (type(changed), changed.image.id, type(erased), erased.image) == (ImageChanged, there.id, ImageDeleted, gone)


async def test_caches_need_not_be_told_of_what_they_may_not_have_any_more(shelf):
    """Whatever it was about; others' events have no such end."""
    for kind in (ImageChanged, ImageTrashed, ImageDeleted):
        await keep(shelf, plain_image(), kind, consumer="purge")
    kept = await keep(shelf, plain_image(), ImageChanged, consumer="relay")
    assert await shelf.prune(datetime.now(UTC) + timedelta(hours=1)) == 3
    assert [row.id for row in await shelf.select()] == [kept.id]
