"""Where a question about one image is answered: the whole rule, and nothing but the rule.

An answer must be as of a position that three things ask for, whichever is farthest:

- what was heard of the image (`needed`, the overlay's word): all read services tell of a change once it was heard;
- what the caller has done himself (his token): he never sees a state before it;
- for a service that is detached, what the primary had committed when the question came (`index`): it can't know what it
  has not heard, so it takes nobody's word but the base's.

The overlay answers by itself when nothing asks for more than it has heard; that an image is gone, always.
"""

from enum import Enum
from typing import Any
from uuid import UUID

import msgspec

from contracts.consistency import ConsistencyToken
from services.read.overlay import Entry


class Route(Enum):
    """Where to turn."""

    GONE = "gone"
    """There is no such image, and never will be again."""
    OVERLAY = "overlay"
    """The overlay's entry is the answer."""
    BASE = "base"
    """The replica has replayed what is demanded."""
    WAIT = "wait"
    """It has not, yet: wait a little for it, or for word of the image; then ask the primary."""


class Question(msgspec.Struct, frozen=True):
    """An image, what its answer may not be older than, and whether this service is attached (`index` None) or not."""

    image_id: UUID
    token: ConsistencyToken | None = None
    index: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether what was heard is all that is asked for."""
        return self.token is None and self.index is None


def demand(question: Question, needed: int) -> int:
    """The position that a base's answer must be as of."""
    token = question.token
    return max(needed, question.index or 0, token.lsn if token is not None else 0)


def decide(question: Question, entry: Entry[Any] | None, needed: int, position: int) -> Route:
    """Where to turn, with the overlay's `entry` and its `needed`, and a replica that has replayed up to `position`."""
    if entry is not None:
        if entry.is_gone:
            return Route.GONE
        if question.index is None and reaches(question, question.image_id, entry.version):
            return Route.OVERLAY
    return Route.BASE if position >= demand(question, needed) else Route.WAIT


def reaches(question: Question, image_id: UUID, version: int) -> bool:
    """Whether this version of an image is not before the change that the caller's token stands for."""
    token = question.token
    return token is None or (token.subject_id == image_id and version >= token.version)
