"""What a list of images is asked for, between whoever asks and the rows."""

from datetime import datetime
from uuid import UUID

import msgspec

from contracts.images import Status, Visibility


class Wanted(msgspec.Struct, frozen=True):
    """Which images a list has: of these visibilities, with all the tags and, where it is said, of an owner, a type, a
    status, and not expired at a time. `trash` is for those that are in the trash, and else none of these is wanted.
    """

    visibilities: frozenset[Visibility] = frozenset({Visibility.PUBLIC})
    owner_id: UUID | None = None
    tags: tuple[str, ...] = ()
    content_type: str | None = None
    status: Status | None = None
    living_at: datetime | None = None
    trash: bool = False
