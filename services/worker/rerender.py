"""Making variants anew: of older recipes, or those that somebody names. Slowly, behind fresh uploads.

A request (`request_rerender`) writes blobs on a list; workers take one after the other from it. The list outlives all
of them, so whoever is killed, the work goes on.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from contracts.errors import ObjectMissing, Unavailable
from contracts.images import Failure
from contracts.variants import VARIANTS
from services.shared.running import background
from services.worker.ports import C, Objects, Render, Rendered, Rerenders
from services.worker.store import store

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
"""A worker has a blob for so long, and says three times in it that it still has."""

PAUSE = timedelta(seconds=30)
"""Before a blob is tried again."""

ATTEMPTS = 5
"""Then a blob is left as it is."""

GRACE = timedelta(hours=1)
"""Pictures that were replaced are kept so long for readers that don't know it yet."""

POLL = 2.0
"""Seconds between looks at an empty list."""

LONGEST_REST = 60.0
"""Seconds that a worker rests at most between two blobs."""


async def rerender(*, rerenders: Rerenders[C], objects: Objects, render: Render) -> bool:
    """Claims one blob of the list -> renders it -> stores what is new -> records that, with the events.

    True when there was one. What a blob has stays until the new is recorded, and if it can't be rendered any more.
    Raises `Unavailable`; the blob is claimed again later.
    """
    claimed = await rerenders.claim(LEASE)
    if claimed is None:
        return False
    if claimed.attempts > ATTEMPTS:
        await rerenders.record_problem(claimed, "PROCESSING_FAILED")
        return True
    try:
        async with _kept(claimed, rerenders):
            await _make(claimed, rerenders, objects, render)
    except Unavailable as error:
        await rerenders.give_back(claimed, PAUSE, counts=isinstance(error, ObjectMissing))
        raise
    except Exception:  # a mistake of ours, or of this blob's, must not cost the others
        logger.exception("blob %s could not be rendered anew", claimed.blob.id)
        await rerenders.give_back(claimed, PAUSE, counts=True)
    return True


async def _make(claimed: C, rerenders: Rerenders[C], objects: Objects, render: Render) -> None:
    blob = claimed.blob
    current = {variant.name for variant in VARIANTS}
    only = tuple(name for name in claimed.variants if name in current)
    original = await objects.get(blob.key, blob.placement, sha256=blob.sha256)
    rendered = await render(original, blob, only)
    if isinstance(rendered, Failure):
        await rerenders.record_problem(claimed, rendered.code)
        return
    kept = tuple(made for made in blob.derivatives if made.variant in current and made.variant not in only)
    derivatives = kept + await store(blob.id, rendered.pictures, objects=objects)
    described = {} if kept else _description(rendered)
    if not await rerenders.record(claimed, derivatives, described=described, grace=GRACE):
        await rerenders.give_back(claimed, timedelta(0), counts=True)


def _description(rendered: Rendered) -> dict[str, str | None]:
    return {
        "placeholder": rendered.placeholder,
        "dominant_color": rendered.dominant_color,
        "perceptual_hash": rendered.perceptual_hash,
    }


@asynccontextmanager
async def _kept(claimed: C, rerenders: Rerenders[C]) -> AsyncIterator[None]:
    """While the block runs nobody else claims the blob, unless the primary can't be told."""

    async def keep() -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            try:
                await rerenders.keep(claimed, LEASE)
            except Unavailable as error:
                logger.warning("a claim could not be renewed: %s", error)

    async with background(keep()):
        yield


async def keep_rerendering(share: float, *, rerenders: Rerenders[C], objects: Objects, render: Render) -> None:
    """Works off the list, blob after blob, until cancelled. `share` of the time is work, the rest is rest."""
    clock = asyncio.get_running_loop().time
    while True:
        began = clock()
        try:
            worked = await rerender(rerenders=rerenders, objects=objects, render=render)
        except Unavailable as error:
            logger.warning("nothing can be rendered anew: %s", error)
            worked = False
        rest = min((clock() - began) * (1 / share - 1), LONGEST_REST) if worked else POLL
        await asyncio.sleep(rest)
