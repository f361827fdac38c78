"""Listing images, newest first, page by page.

A page of the replica is completed by what the overlay holds, when the replica has everything that the overlay doesn't
hold and, with a token, everything that the caller may expect. Else the primary is asked, which needs no completing.
"""

import msgspec

from contracts.consistency import ConsistencyToken
from contracts.errors import Unavailable
from contracts.images import Image, ImagePage, Visibility, view
from contracts.principals import Principal
from services.read.cursors import encode_cursor
from services.read.look_up import Sources
from services.read.merge import Changes, merge, place_of
from services.read.ports import Catalogue, Place

MOST_ROWS = 1600
"""Rows read at a time at most, when changes have hidden those that were read before."""


class Asked(msgspec.Struct, frozen=True):
    """What a caller wants to see: at most `limit` images after a place, with all of the tags, of one type."""

    limit: int
    after: Place | None = None
    tags: tuple[str, ...] = ()
    content_type: str | None = None


def belongs(image: Image, asked: Asked) -> bool:
    """Whether an image is in the list, wherever it stands: what the catalogue's statement says, in Python."""
    return (
        image.visibility is Visibility.PUBLIC
        and image.deleted_at is None
        and set(asked.tags) <= set(image.tags)
        and asked.content_type in {None, image.blob.content_type}
    )


async def list_images(
    asked: Asked,
    principal: Principal,  # noqa: ARG001 - lists of one's own come with accounts
    token: ConsistencyToken | None,
    *,
    sources: Sources,
) -> ImagePage:
    """One page of public images, not older than the change that `token` stands for. Raises `Unavailable`."""
    images = await _from_replica(asked, token, sources)
    if images is None:
        images = await sources.base.ask_primary(lambda rows: _read(asked, {}, rows, demand=0))
    return _page(asked, images or ())


def _page(asked: Asked, images: tuple[Image, ...]) -> ImagePage:
    """One more than asked for was read, to know whether another page follows."""
    shown = images[: asked.limit]
    cursor = encode_cursor(place_of(shown[-1])) if len(images) > asked.limit else None
    return ImagePage(tuple(view(image) for image in shown), cursor)


async def _from_replica(asked: Asked, token: ConsistencyToken | None, sources: Sources) -> tuple[Image, ...] | None:
    """The images of a page and one more; None when there is no replica, or none that is far enough in time.

    The overlay is read before the replica: what leaves it meanwhile, the replica has, but maybe only since then.
    """
    base, overlay = sources.base, sources.overlay
    index = None if sources.lease.is_held else await base.index()
    deadline = base.deadline()
    while True:
        demand = max(token.lsn if token else 0, overlay.complete_from if index is None else index)
        if base.position >= demand:
            changes = _heard(sources) if index is None else {}
            try:
                if token is not None:
                    changes = await _still_news(asked, changes, base.rows)
                images = await _read(asked, changes, base.rows, demand)
            except Unavailable:
                return None
            if images is not None:
                return images
        if not await base.news.wait(deadline):
            return None


def _heard(sources: Sources) -> Changes:
    return {key: None if entry.value is None else entry.value.image for key, entry in sources.overlay}


async def _still_news(asked: Asked, changes: Changes, rows: Catalogue) -> Changes:
    """The changes of which the base has nothing as new.

    It may have what was not heard yet: by that an image may have left the list, and its caller hold the token for it.
    """
    in_doubt = [key for key, image in changes.items() if image is not None and belongs(image, asked)]
    known = await rows.select_versions(in_doubt) if in_doubt else {}
    return {key: image for key, image in changes.items() if image is None or image.version > known.get(key, 0)}


async def _read(asked: Asked, changes: Changes, rows: Catalogue, demand: int) -> tuple[Image, ...] | None:
    """One image more than a page has, or all that there are; None when the rows are not as of what is demanded."""
    wanted, after, read = asked.limit + 1, asked.after, asked.limit + 1
    found: list[Image] = []
    while True:
        page = await rows.select_page(limit=read, after=after, tags=asked.tags, content_type=asked.content_type)
        if page.as_of < demand:
            return None
        is_end = len(page.images) < read
        found += merge(page.images, changes, belongs=lambda image: belongs(image, asked), after=after, is_end=is_end)
        if is_end or len(found) >= wanted:
            return tuple(found[:wanted])
        after, read = place_of(page.images[-1]), min(2 * read, MOST_ROWS)
