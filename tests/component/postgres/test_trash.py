"""The trash, as rows and events: into it, out of it, and emptied."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from contracts.errors import ImageNotFound
from contracts.events import ImageDeleted, ImageReady, ImageRestored, ImageTrashed, ImageUploaded
from contracts.images import Status
from contracts.lists import Wanted
from tests.component.postgres.images import RENDERED, blocked, events_of, plain_image


async def test_an_image_goes_to_the_trash_and_comes_back(ledger, catalogue, psql, clock):
    """No reader gets it meanwhile, and the event of each step has all of it; deleted for good it never comes back."""
    image = plain_image()
    await ledger.insert(image, delete_token_hash=None)

    trashed = await ledger.withdraw(image.id, lambda _: True)
    assert trashed.image == replace(image, version=2, updated_at=clock.now, trashed_at=clock.now)
    assert (await catalogue.select_image(image.id)).image is None
    assert (await catalogue.select_page(limit=9)).images == ()
    assert (await catalogue.select_page(limit=9, wanted=Wanted(trash=True))).images == (trashed.image,)
    await ledger.record_ready(image.blob.id, **RENDERED)

    restored = await ledger.update(image.id, lambda stored: replace(stored.image, trashed_at=None))
    assert (restored.image.version, restored.image.status, restored.image.trashed_at) == (4, Status.READY, None)
    assert (await catalogue.select_image(image.id)).image == restored.image

    await ledger.withdraw(image.id, lambda _: False)
    with pytest.raises(ImageNotFound):
        await ledger.update(image.id, lambda stored: stored.image)
    kinds = [ImageUploaded, ImageTrashed, ImageReady, ImageRestored, ImageDeleted]
    assert [type(event) for event in await events_of(psql, image.id)] == kinds


async def test_what_is_over_is_found(ledger, clock):
    """What expired until now, and what came into the trash until it is emptied; not what is deleted already."""
    images = [replace(plain_image(), expires_at=end) for end in (clock.now, clock.now, clock.now + timedelta(1), None)]
    for image in images:
        await ledger.insert(image, delete_token_hash=None)
    await ledger.delete(images[0].id, lambda _: None)
    trashed = await ledger.withdraw(images[3].id, lambda _: True)
    since = trashed.image.trashed_at
    assert set(await ledger.select_over(clock.now, since, 9)) == {images[1].id, images[3].id}
    assert await ledger.select_over(clock.now, since - timedelta(microseconds=1), 9) == (images[1].id,)


@pytest.mark.parametrize("restoring_first", [True, False])
async def test_restoring_and_emptying_the_trash_have_one_winner(ledger, psql, other, restoring_first):
    """Whoever locks the row first: what is answered as restored stays, and what is deleted is never answered so."""

    def is_trashed(stored):
        if stored.image.trashed_at is None:
            raise ImageNotFound

    async def restore():
        await ledger.update(image.id, lambda stored: replace(stored.image, trashed_at=None))

    async def empty():
        await ledger.delete(image.id, is_trashed)

    image = plain_image()
    await ledger.insert(image, delete_token_hash=None)
    await ledger.withdraw(image.id, lambda _: True)
    async with other.transaction():
        await other.execute("SELECT 1 FROM images WHERE id = $1 FOR UPDATE", image.id)
        winner = asyncio.create_task(restore() if restoring_first else empty())
        await blocked(psql, 1)
        loser = asyncio.create_task(empty() if restoring_first else restore())
        await blocked(psql, 2)
    await winner
    with pytest.raises(ImageNotFound):
        await loser
    assert await psql.fetchval("SELECT deleted_at IS NULL AND trashed_at IS NULL FROM images") == restoring_first
