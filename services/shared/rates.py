"""How much each kind of caller may ask for."""

from typing import Annotated, Literal

import msgspec

Text = Annotated[str, msgspec.Meta(pattern="^[0-9]{1,9}/[1-9][0-9]{0,5}$")]
"""`10/60`: ten units in sixty seconds; none in any time, `0/60`, means that there is no limit."""


class Rate(msgspec.Struct, frozen=True):
    """`units` in `period` seconds, all of them at once if need be."""

    units: int
    period: float


class RateConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Rates of reads, changes and uploads, and of millions of pixels taken in; those of anonymous callers hold for a
    network (an IPv4 address, an IPv6 /64), the others for an account.

    `on_error` says what becomes of requests while nobody counts, because Redis is away.
    """

    reads_anonymous: Text = msgspec.field(name="CHITRAM_RATE_READS_ANONYMOUS", default="6000/60")
    reads: Text = msgspec.field(name="CHITRAM_RATE_READS", default="12000/60")
    changes_anonymous: Text = msgspec.field(name="CHITRAM_RATE_CHANGES_ANONYMOUS", default="120/60")
    changes: Text = msgspec.field(name="CHITRAM_RATE_CHANGES", default="600/60")
    uploads_anonymous: Text = msgspec.field(name="CHITRAM_RATE_UPLOADS_ANONYMOUS", default="10/60")
    uploads: Text = msgspec.field(name="CHITRAM_RATE_UPLOADS", default="60/60")
    megapixels_anonymous: Text = msgspec.field(name="CHITRAM_RATE_MEGAPIXELS_ANONYMOUS", default="200/60")
    megapixels: Text = msgspec.field(name="CHITRAM_RATE_MEGAPIXELS", default="1200/60")
    on_error: Literal["accept", "refuse"] = msgspec.field(name="CHITRAM_RATE_ON_ERROR", default="accept")


def rate_of(text: str) -> Rate | None:
    """The rate that a setting means, None where it sets no limit."""
    units, _, period = text.partition("/")
    return Rate(int(units), float(period)) if int(units) else None
