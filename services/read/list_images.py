"""Listing images, newest first, page by page."""

import msgspec

from contracts.images import ImagePage, view
from contracts.principals import Principal
from services.read.cursors import encode_cursor
from services.read.ports import Catalogue, Place


class Asked(msgspec.Struct, frozen=True):
    """What a caller wants to see: at most `limit` images after a place, with all of the tags, of one type."""

    limit: int
    after: Place | None = None
    tags: tuple[str, ...] = ()
    content_type: str | None = None


async def list_images(asked: Asked, principal: Principal, *, catalogue: Catalogue) -> ImagePage:  # noqa: ARG001 - lists of one's own come with accounts
    """One page of public images. One more than asked for is read, to know whether another page follows."""
    images = await catalogue.select_page(
        limit=asked.limit + 1, after=asked.after, tags=asked.tags, content_type=asked.content_type
    )
    shown = images[: asked.limit]
    more = len(images) > asked.limit
    cursor = encode_cursor((shown[-1].created_at, shown[-1].id)) if more else None
    return ImagePage(tuple(view(image) for image in shown), cursor)
