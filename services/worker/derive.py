"""Making an image's derivatives."""

import asyncio
from uuid import UUID

from contracts.errors import ObjectMissing
from contracts.events import ImageEvent
from contracts.images import Derivative, Failure, Status
from infrastructure.failpoints import failpoint
from services.worker.ports import Ledger, Objects, Render, Rendered
from services.worker.store import store


async def derive(event: ImageEvent, *, objects: Objects, render: Render, ledger: Ledger) -> None:
    """Original -> rendered in a child process -> derivatives on the shards -> recorded, with their event.

    Safe to repeat: a blob that is ready or gone is left alone, the same original gives the same keys and the same
    bytes, and the ledger records them once. Raises `Unavailable` when something is not there for now.
    """
    blob = event.image.blob
    if await ledger.state_of(blob.id) in {Status.READY, None}:
        return
    try:
        original = await objects.get(blob.key, blob.placement, sha256=blob.sha256)
    except ObjectMissing:
        if await ledger.state_of(blob.id) is None:
            return  # erased this moment
        raise
    rendered = await render(original, blob)
    if isinstance(rendered, Failure):
        await ledger.record_failed(blob.id, rendered)
        return
    derivatives = await store(blob.id, rendered.pictures, objects=objects)
    await failpoint("derive.before_row")
    await _record(blob.id, derivatives, rendered, objects, ledger)


async def _record(
    blob_id: UUID, derivatives: tuple[Derivative, ...], rendered: Rendered, objects: Objects, ledger: Ledger
) -> None:
    """Records the derivatives; those of a blob that was erased meanwhile are deleted, for nobody else knows of them."""
    await ledger.record_ready(
        blob_id,
        derivatives=derivatives,
        placeholder=rendered.placeholder,
        dominant_color=rendered.dominant_color,
        perceptual_hash=rendered.perceptual_hash,
    )
    await failpoint("derive.before_ack")
    if await ledger.state_of(blob_id) is None:
        await asyncio.gather(*(objects.delete(made.key, made.placement) for made in derivatives))


GIVEN_UP = Failure("PROCESSING_FAILED", "The thumbnails could not be made. The original is unharmed.")


async def give_up(event: ImageEvent, *, ledger: Ledger) -> None:
    """Records that an image's derivatives were tried often enough. Raises `Unavailable`."""
    await ledger.record_failed(event.image.blob.id, GIVEN_UP)
