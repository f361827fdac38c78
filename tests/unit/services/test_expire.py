"""What the worker deletes because its time is over."""

from datetime import timedelta
from types import SimpleNamespace

from msgspec.structs import replace

from contracts.errors import ImageNotFound
from services.worker import expire as module
from services.worker.expire import expire
from tests.unit import samples
from tests.unit.samples import NOON


class Rows:
    """Images by id, some of which change between being found and being locked."""

    def __init__(self, images):
        self.images = {image.id: image for image in images}
        self.put_off = {}

    async def select_expired(self, now, limit):
        return [image.id for image in self.images.values() if image.is_expired(now)][:limit]

    async def delete(self, image_id, decide, *, by):
        self.images.update(self.put_off)
        if image_id not in self.images:
            raise ImageNotFound
        decide(SimpleNamespace(image=self.images[image_id]))
        del self.images[image_id]


async def test_what_has_ended_is_deleted_however_much_it_is(monkeypatch):
    """What has no end, or one to come, stays."""
    monkeypatch.setattr(module, "BATCH", 2)
    stays = [samples.image(), samples.image(expires_at=NOON + timedelta(microseconds=1))]
    rows = Rows([*stays, *(samples.image(expires_at=NOON) for _ in range(5))])
    assert await expire(expirations=rows, clock=lambda: NOON) == 5
    assert list(rows.images.values()) == stays


async def test_an_end_that_was_put_off_in_the_last_moment_is_respected():
    """What counts is what stands in the row when it is locked."""
    image = samples.image(expires_at=NOON)
    rows = Rows([image])
    rows.put_off[image.id] = replace(image, expires_at=None)
    assert await expire(expirations=rows, clock=lambda: NOON) == 0
    assert rows.images[image.id].expires_at is None
