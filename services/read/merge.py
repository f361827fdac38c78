"""A page of a list as it is now: rows of a base that lags, with what was heard since on top.

The base gives its rows in the list's order, the overlay gives images that changed, of which the base may have an older
state or none, and says which are gone. What the overlay knows of an image counts more, unless the base has a newer
version already.
"""

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from contracts.images import Image
from services.read.ports import Place

Changes = Mapping[UUID, Image | None]
"""What was heard of images lately; None for those that are gone."""


def place_of(image: Image) -> Place:
    """Where an image stands in a list."""
    return image.created_at, image.id


def merge(
    rows: Sequence[Image],
    changes: Changes,
    *,
    belongs: Callable[[Image], bool],
    after: Place | None,
    is_end: bool,
) -> tuple[Image, ...]:
    """The part of a list that begins behind `after` and ends where `rows` do, or with the list if `is_end`.

    `belongs` says whether an image is in the list, wherever it stands. Newest first, of one time the highest ids.
    """
    newest = {row.id: row for row in rows}
    reach = None if is_end or not rows else place_of(rows[-1])
    for image_id, image in changes.items():
        row = newest.get(image_id)
        if image is None:
            newest.pop(image_id, None)
        elif row is None or row.version < image.version:
            newest[image_id] = image
    shown = (image for image in newest.values() if belongs(image) and _is_within(image, after, reach))
    return tuple(sorted(shown, key=place_of, reverse=True))


def _is_within(image: Image, after: Place | None, reach: Place | None) -> bool:
    place = place_of(image)
    return (after is None or place < after) and (reach is None or place >= reach)
