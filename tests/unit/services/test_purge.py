"""What is taken away is taken from caches before the gateway too, after the read services have heard of it."""

import asyncio

import pytest

from contracts.errors import Unavailable
from contracts.events import CredentialChanged, ImageChanged
from services.worker.purge import leave_cached, purge
from services.write.purge import settle_and_purge
from tests.events import make_event


class Caches:
    """Caches, and the order in which things were done."""

    def __init__(self, error=None):
        self.error = error
        self.done = []

    async def settle(self, event, lsn):
        self.done.append(("settled", lsn))

    async def purge(self, tag):
        self.done.append(("purged", tag))
        if self.error is not None:
            raise self.error
        await asyncio.sleep(0)


async def settled(caches, event, *, purging=None):
    await settle_and_purge(
        event, "0/1", settle=caches.settle, purge=purging or caches.purge, window=0.001, patience=0.05
    )
    return caches.done


async def test_caches_forget_after_the_read_services_have_heard():
    """Or one of them could fill the cache again."""
    event = make_event(ImageChanged)
    assert await settled(Caches(), event) == [("settled", "0/1"), ("purged", str(event.image.id))]


async def test_what_is_about_no_image_is_in_no_cache():
    """A credential for example."""
    assert await settled(Caches(), make_event(CredentialChanged)) == [("settled", "0/1")]


@pytest.mark.parametrize("hangs", [True, False])
async def test_a_cache_that_fails_or_hangs_holds_nobody_up(hangs, caplog):
    """The change is made; a worker tells the cache later. The log has the reason."""
    caches = Caches(Unavailable("varnish:6081 answers 403"))
    purging = (lambda _: asyncio.sleep(60)) if hangs else None
    assert ("settled", "0/1") in await settled(caches, make_event(ImageChanged), purging=purging)
    assert ("not told within 0.05 s" if hangs else ": varnish:6081 answers 403") in caplog.text


async def test_a_worker_tells_caches_twice():
    """The second time nothing can be on its way into a cache any more."""
    event, caches = make_event(ImageChanged), Caches()
    assert [await purge(event, attempt, forget=caches.purge) for attempt in (1, 2)] == [False, True]
    assert caches.done == [("purged", str(event.image.id))] * 2


async def test_a_cache_that_was_never_told_is_said_to_the_operator(caplog):
    """With the image's id."""
    event = make_event(ImageChanged)
    await leave_cached(event)
    assert str(event.image.id) in caplog.text
