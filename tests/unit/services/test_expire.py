"""What the worker deletes because its time is over."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace

from msgspec.structs import replace

from contracts.errors import ImageNotFound, Unavailable
from services.worker import expire as module
from services.worker.expire import expire, keep_expiring
from tests.unit import samples
from tests.unit.samples import NOON

DAY = timedelta(days=1)


class Rows:
    """Images by id, some of which change between being found and being locked."""

    def __init__(self, images):
        self.images = {image.id: image for image in images}
        self.put_off = {}

    async def select_over(self, now, emptied, limit):
        over = [i.id for i in self.images.values() if i.is_expired(now) or (i.trashed_at and i.trashed_at <= emptied)]
        return over[:limit]

    async def delete(self, image_id, decide, *, by):
        self.images.update(self.put_off)
        if image_id not in self.images:
            raise ImageNotFound
        decide(SimpleNamespace(image=self.images[image_id]))
        del self.images[image_id]


async def test_what_has_ended_is_deleted_however_much_it_is(monkeypatch):
    """And what was in the trash for long enough. What has no end, or one to come, stays."""
    monkeypatch.setattr(module, "BATCH", 2)
    moment = timedelta(microseconds=1)
    stays = [samples.image(), samples.image(expires_at=NOON + moment), samples.image(trashed_at=NOON - DAY + moment)]
    ended = [samples.image(expires_at=NOON) for _ in range(5)]
    rows = Rows([*stays, *ended, samples.image(trashed_at=NOON - DAY)])
    assert await expire(DAY, expirations=rows, clock=lambda: NOON) == 6
    assert list(rows.images.values()) == stays


async def test_an_end_that_was_put_off_in_the_last_moment_is_respected():
    """And a restoring; what counts is what stands in the row when it is locked."""
    images = [samples.image(expires_at=NOON), samples.image(trashed_at=NOON - DAY)]
    rows = Rows(images)
    rows.put_off = {image.id: replace(image, expires_at=None, trashed_at=None) for image in images}
    assert await expire(DAY, expirations=rows, clock=lambda: NOON) == 0
    assert rows.images == rows.put_off


async def test_what_goes_wrong_in_a_round_does_not_end_the_next_ones(monkeypatch):
    """Neither a primary that is away nor a mistake of ours."""
    monkeypatch.setattr(module, "EVERY", 0)
    rows, errors, done = Rows([]), [Unavailable(), RuntimeError("a mistake of ours")], asyncio.Event()

    async def select_over(now, emptied, limit):
        if errors:
            raise errors.pop()
        done.set()
        return []

    monkeypatch.setattr(rows, "select_over", select_over)
    expiring = asyncio.create_task(keep_expiring(DAY, expirations=rows, clock=lambda: NOON))
    await asyncio.wait([expiring, asyncio.create_task(done.wait())], return_when=asyncio.FIRST_COMPLETED)
    assert not expiring.done()
    expiring.cancel()
