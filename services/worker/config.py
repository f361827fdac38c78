"""What a worker itself can be told."""

from typing import Annotated

import msgspec

from services.shared.bounds import TEN_YEARS

DAY = 86_400

Seconds = Annotated[int, msgspec.Meta(ge=0, le=TEN_YEARS)]


class WorkerConfig(msgspec.Struct, frozen=True):
    """`derive_concurrency` is how many images are in hand at once: more than render processes, so that fetching and
    storing one image overlaps with rendering another. `keep_published` is how many seconds published
    events stay in the outbox, for whoever wants to look. `reconcile_after` is how many seconds work may wait to be
    done before it is asked for again.
    `rerender_share` is the part of its time that a worker spends on rendering anew, one image after the other, while
    some are on the list. `keep_audit` is how many seconds entries stay in the audit log (a year), which gives up none
    before a day.
    `erase_grace` is how many seconds the objects of an image stay after it was erased.
    `trash` is how many seconds images stay in the trash (30 days).
    `max_age` is how many seconds caches may keep public bytes.
    `keep_keys` is how many seconds an upload can be sent again under its Idempotency-Key.
    `scrub_rate` is how many MB a second the background walk reads, `scrub_age` after how many seconds a copy
    that was found good is read again. `sweep_every` is the seconds between two sweeps, `sweep_grace` how old an
    object is that nobody points to before it goes: more than an upload takes from its first copy to its commit.
    `move_grace` is how many seconds a copy stays that was moved: readers hear of it within milliseconds, and those that
    hear no events within the lag bound.
    """

    derive_concurrency: Annotated[int, msgspec.Meta(ge=1)] = msgspec.field(name="CHITRAM_DERIVE_CONCURRENCY", default=4)
    erase_concurrency: Annotated[int, msgspec.Meta(ge=1)] = msgspec.field(name="CHITRAM_ERASE_CONCURRENCY", default=4)
    keep_published: Seconds = msgspec.field(name="CHITRAM_KEEP_PUBLISHED", default=3600)
    reconcile_after: Annotated[int, msgspec.Meta(ge=1, le=TEN_YEARS)] = msgspec.field(
        name="CHITRAM_RECONCILE_AFTER", default=600
    )
    rerender_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = msgspec.field(
        name="CHITRAM_RERENDER_SHARE", default=0.5
    )
    keep_audit: Annotated[int, msgspec.Meta(gt=DAY, le=10 * TEN_YEARS)] = msgspec.field(
        name="CHITRAM_AUDIT_KEEP", default=365 * DAY
    )
    erase_grace: Seconds = msgspec.field(name="CHITRAM_ERASE_GRACE", default=5)
    trash: Seconds = msgspec.field(name="CHITRAM_TRASH", default=30 * DAY)
    max_age: Seconds = msgspec.field(name="CHITRAM_MAX_AGE", default=3600)
    keep_keys: Annotated[int, msgspec.Meta(ge=1, le=TEN_YEARS)] = msgspec.field(
        name="CHITRAM_IDEMPOTENCY_KEEP", default=86_400
    )
    scrub_rate: Annotated[float, msgspec.Meta(gt=0)] = msgspec.field(name="CHITRAM_SCRUB_RATE", default=1.0)
    scrub_age: Seconds = msgspec.field(name="CHITRAM_SCRUB_AGE", default=30 * 86_400)
    sweep_every: Annotated[float, msgspec.Meta(gt=0, le=TEN_YEARS)] = msgspec.field(
        name="CHITRAM_SWEEP_EVERY", default=3600.0
    )
    sweep_grace: Seconds = msgspec.field(name="CHITRAM_SWEEP_GRACE", default=3600)
    move_grace: Seconds = msgspec.field(name="CHITRAM_MOVE_GRACE", default=60)
