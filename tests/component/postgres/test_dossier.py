"""All that the database knows of an image."""

from uuid import uuid4

from infrastructure.postgres.dossier import select_record, select_views
from tests.component.postgres.images import plain_image
from tests.component.postgres.proxy import Proxy
from tests.eventually import eventually


async def test_the_primary_knows_the_image_and_its_events(primary, ledger, outbox):
    """Also of one that is deleted, newest event first."""
    image = plain_image()
    await ledger.insert(image, delete_token_hash=None)
    async with outbox.claim(1) as batch:
        await batch.mark_published([batch.rows[0].id])
    deleted = await ledger.delete(image.id, lambda _: None)
    record = await select_record(primary, image.id)
    assert record.image == deleted.image
    assert record.images_of_blob == 0
    assert [(event.type, event.version, event.published_at is None) for event in record.events] == [
        ("image.deleted.v1", 2, True),
        ("image.uploaded.v1", 1, False),
    ]


async def test_of_what_never_was_nothing_is_known(primary):
    """There is no row and no event."""
    record = await select_record(primary, uuid4())
    assert (record.image, record.images_of_blob, record.events) == (None, 0, ())
    assert record.lsn


async def test_each_replica_says_how_far_it_is(primary, ledger, database):
    """And which version it has; one that can't be asked is named with the reason."""
    image = plain_image()
    await ledger.insert(image, delete_token_hash=None)
    record = await select_record(primary, image.id)
    async with Proxy(database.primary).listening() as wire:
        pass

    async def have_replayed() -> None:
        there, gone = await select_views((*database.replicas, wire.address), image.id, record.lsn)
        assert (there.behind, there.version, there.deleted, there.problem) == (0, 1, False, None)
        assert (gone.version, gone.lsn) == (None, None)
        assert gone.problem

    await eventually(have_replayed)
    (unknown,) = await select_views(database.replicas, uuid4(), record.lsn)
    assert (unknown.version, unknown.problem) == (None, None)
