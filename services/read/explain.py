"""Telling operators what this service knows of one image, and how far it trusts it."""

from uuid import UUID

import msgspec

from services.read.look_up import Sources
from services.read.memory import Memory, Remembered
from services.read.overlay import Entry


class Held(msgspec.Struct, frozen=True):
    """What the overlay holds: a version and a position not before its commit."""

    version: int
    lsn: int
    is_gone: bool


class Kept(msgspec.Struct, frozen=True):
    """What memory or the shared cache keeps, with everything that was committed before `as_of`."""

    version: int | None
    as_of: int


class Explanation(msgspec.Struct, frozen=True):
    """Positions are numbers of bytes in the primary's log.

    A state of the image is believed if it is as of `needed` or later. `replica_position` is how far the replica had
    replayed at the last look, `replica_lag` how many seconds it is behind.
    """

    image_id: UUID
    is_attached: bool
    overlay: Held | None
    overlay_entries: int
    needed: int
    memory: Kept | None
    is_remembered_as_absent: bool
    shared_cache: Kept | None
    replica_position: int
    replica_lag: float


async def explain(image_id: UUID, *, sources: Sources) -> Explanation:
    """Changes nothing, and asks nobody but the shared cache."""
    overlay, base = sources.overlay, sources.base
    cached = await sources.shared.get(image_id)
    return Explanation(
        image_id=image_id,
        is_attached=sources.lease.is_held,
        overlay=_held(overlay.get(image_id)),
        overlay_entries=len(overlay),
        needed=overlay.needed(image_id),
        memory=_remembered(sources.memory, image_id),
        is_remembered_as_absent=sources.memory.is_absent(str(image_id)),
        shared_cache=None if cached is None else Kept(None, cached.as_of),
        replica_position=base.position,
        replica_lag=base.lag,
    )


def _held(entry: Entry[Remembered] | None) -> Held | None:
    return None if entry is None else Held(entry.version, entry.lsn, entry.is_gone)


def _remembered(memory: Memory, image_id: UUID) -> Kept | None:
    found = memory.peek(str(image_id))
    return None if found is None else Kept(found.image.version, found.as_of)
