"""Making an image's derivatives."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID
from weakref import WeakValueDictionary

from contracts.errors import ObjectMissing
from contracts.events import ImageEvent
from contracts.images import Blob, Failure, Status
from infrastructure.failpoints import failpoint
from services.worker.ports import Ledger, Objects, Render
from services.worker.store import store

LONGEST_WAIT = 5.0
"""Seconds that an image waits for what is done: as long as rendering takes, and no poison that took a minute."""


class OneAtATime:
    """Locks by blob: of images that come with the same bytes at once, one is rendered and the others wait for it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    def of(self, blob_id: UUID) -> asyncio.Lock:
        """The lock of a blob; it exists for as long as somebody has it."""
        return self._locks.setdefault(blob_id, asyncio.Lock())


async def derive(
    event: ImageEvent,
    *,
    blobs: OneAtATime,
    objects: Objects,
    render: Render,
    ledger: Ledger,
    clear: Callable[[UUID], Awaitable[None]],
    timer: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
) -> None:
    """Original -> rendered in a child process -> derivatives on the shards -> recorded, with their event.

    An image whose blob others had rendered before is told of after as long as that took, so that nobody can tell from
    the clock whether his bytes were here. It waits beside others like it: in line they would keep new pictures waiting.
    Safe to repeat: what is ready is left alone, the same original gives the same keys and bytes, and the ledger
    records them once. Of a blob that is gone, before or meanwhile, nothing is left on the shards, whoever stored it.
    Raises `Unavailable` when something is not there for now.
    """
    blob = event.image.blob
    progress = await ledger.progress_of(blob.id)
    if progress and progress.state is not Status.PROCESSING:
        await sleep(min(progress.seconds, LONGEST_WAIT))
    async with blobs.of(blob.id):
        progress = await ledger.progress_of(blob.id)
        if progress and progress.state is not Status.PROCESSING and await ledger.record_joined(event.image.id):
            return
        if progress and progress.state is not Status.READY:
            await _derive(blob, objects=objects, render=render, ledger=ledger, timer=timer)
            await ledger.record_joined(event.image.id)  # it may have come after its blob's other images were told of
            progress = await ledger.progress_of(blob.id)
        if progress is None:
            await clear(blob.id)


async def _derive(blob: Blob, *, objects: Objects, render: Render, ledger: Ledger, timer: Callable[[], float]) -> None:
    begun = timer()
    try:
        original = await objects.get(blob.key, blob.placement, sha256=blob.sha256)
    except ObjectMissing:
        if await ledger.progress_of(blob.id) is None:
            return  # erased this moment
        raise
    rendered = await render(original, blob)
    if isinstance(rendered, Failure):
        await ledger.record_failed(blob.id, rendered, for_good=rendered.code in FOR_GOOD, seconds=timer() - begun)
        return
    derivatives = await store(blob.id, rendered.pictures, objects=objects)
    await failpoint("derive.before_row")
    await ledger.record_ready(
        blob.id,
        derivatives=derivatives,
        placeholder=rendered.placeholder,
        dominant_color=rendered.dominant_color,
        perceptual_hash=rendered.perceptual_hash,
        seconds=timer() - begun,
    )
    await failpoint("derive.before_ack")


FOR_GOOD = frozenset({"INVALID_IMAGE"})
"""Failures that lie in the bytes: these would fail again, whoever sends them."""

GIVEN_UP = Failure("PROCESSING_FAILED", "The thumbnails could not be made. The original is unharmed.")


async def give_up(event: ImageEvent, *, ledger: Ledger) -> None:
    """Records that an image's derivatives were tried often enough. Raises `Unavailable`."""
    await ledger.record_failed(event.image.blob.id, GIVEN_UP, for_good=False)
