"""Listing images, newest first, page by page.

A page of the replica is completed by what the overlay holds, when the replica has everything that the overlay doesn't
hold and, with a token, everything that the caller may expect. Else the primary is asked, which needs no completing.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from contracts.consistency import ConsistencyToken
from contracts.errors import Unavailable
from contracts.images import Image, ImagePage, Status, Visibility, view
from contracts.lists import Wanted
from contracts.principals import Principal
from services.read.access import visibilities
from services.read.asking import Asking
from services.read.cursors import encode_cursor
from services.read.look_up import Sources
from services.read.merge import Changes, merge, place_of
from services.read.ports import Catalogue, Place
from services.shared.principals import require_user

MOST_ROWS = 1600
"""Rows read at a time at most, when changes have hidden those that were read before."""


OF_ONESELF = "me"
"""The owner of an asker's own images."""


class Asked(msgspec.Struct, frozen=True):
    """What a caller wants to see: at most `limit` images after a place, with all of the tags, of one type, owner,
    visibility and status. `visibility` is None for whatever he may see, `owner` may be `me`, and is with `trash`, for
    those that are in it, where none is named.
    """

    limit: int
    after: Place | None = None
    tags: tuple[str, ...] = ()
    content_type: str | None = None
    owner: UUID | str | None = None
    visibility: Visibility | None = None
    status: Status | None = None
    trash: bool = False


def wanted_by(asked: Asked, principal: Principal, now: datetime | None = None) -> Wanted:
    """The images of a list that a caller may see and that live still.

    These are public ones, all of his own and, of whoever he asks for, an admin's. The trash is its owner's and admins'.

    An admin who asks for nobody's and for no visibility gets the public list, like everybody. Raises `Unauthorized`
    to an anonymous caller who asks for his own.
    """
    is_of_oneself = asked.owner == OF_ONESELF or (asked.trash and asked.owner is None)
    owner = require_user(principal) if is_of_oneself else asked.owner
    owner_id = owner if isinstance(owner, UUID) else None
    is_his = principal.is_user(owner_id) or (principal.is_admin and (owner_id, asked.visibility) != (None, None))
    shown = frozenset() if asked.trash and not is_his else visibilities(asked.visibility, all_of_them=is_his)
    return Wanted(shown, owner_id, asked.tags, asked.content_type, asked.status, now, asked.trash)


def belongs(image: Image, wanted: Wanted) -> bool:
    """Whether an image is in the list, wherever it stands: what the catalogue's statement says, in Python."""
    return (
        image.visibility in wanted.visibilities
        and image.deleted_at is None
        and (image.trashed_at is not None) == wanted.trash
        and not (wanted.living_at is not None and image.is_expired(wanted.living_at))
        and wanted.owner_id in {None, image.owner_id}
        and set(wanted.tags) <= set(image.tags)
        and wanted.content_type in {None, image.blob.content_type}
        and wanted.status in {None, image.status}
    )


async def list_images(asked: Asked, asking: Asking, *, sources: Sources) -> ImagePage:
    """One page of the images that the caller may see, not older than the change that his token stands for.

    Raises `Unauthorized`, `Unavailable`.
    """
    wanted = wanted_by(asked, asking.principal, sources.clock())
    if not wanted.visibilities:
        return ImagePage((), None)
    request = Request(asked.limit, asked.after, wanted, asking.token)
    images = await _from_replica(request, sources)
    if images is None:
        images = await sources.base.ask_primary(lambda rows: _read(request, {}, rows, demand=0))
    return _page(asked, images or (), sources)


class Request(msgspec.Struct, frozen=True):
    """A page that was asked for, once it is known what the caller may see."""

    limit: int
    after: Place | None
    wanted: Wanted
    token: ConsistencyToken | None


def _page(asked: Asked, images: tuple[Image, ...], sources: Sources) -> ImagePage:
    """One more than asked for was read, to know whether another page follows.

    What has ended while it was waited for is left out, so a page may be shorter than asked for.
    """
    shown, now = images[: asked.limit], sources.clock()
    cursor = encode_cursor(place_of(shown[-1])) if len(images) > asked.limit else None
    return ImagePage(tuple(view(image, origin=sources.origin) for image in shown if not image.is_expired(now)), cursor)


async def _from_replica(request: Request, sources: Sources) -> tuple[Image, ...] | None:
    """The images of a page and one more; None when there is no replica, or none that is far enough in time.

    The overlay is read before the replica: what leaves it meanwhile, the replica has, but maybe only since then.
    """
    base, overlay, token = sources.base, sources.overlay, request.token
    index = None if sources.lease.is_held else await base.index()
    deadline = base.deadline()
    while True:
        demand = max(token.lsn if token else 0, overlay.complete_from if index is None else index)
        if base.position >= demand:
            changes = _heard(sources) if index is None else {}
            try:
                images = await _complete(request, changes, base.rows, demand)
            except Unavailable:
                return None
            if images is not None:
                return images
        if not await base.news.wait(deadline):
            return None


def _heard(sources: Sources) -> Changes:
    return {key: None if entry.value is None else entry.value.image for key, entry in sources.overlay}


async def _complete(request: Request, changes: Changes, rows: Catalogue, demand: int) -> tuple[Image, ...] | None:
    """The page with what was heard in it; None when not all that it is made of is as of what is demanded."""
    news = changes if request.token is None else await _still_news(request.wanted, changes, rows, demand)
    return None if news is None else await _read(request, news, rows, demand)


async def _still_news(wanted: Wanted, changes: Changes, rows: Catalogue, demand: int) -> Changes | None:
    """The changes of which the base has nothing as new; None when it is not as of what is demanded.

    It may have what was not heard yet: by that an image may have left the list, and its caller hold the token for it.
    """
    in_doubt = [key for key, image in changes.items() if image is not None and belongs(image, wanted)]
    if not in_doubt:
        return changes
    known = await rows.select_versions(in_doubt)
    if known.as_of < demand:
        return None
    return {key: image for key, image in changes.items() if image is None or image.version > known.versions.get(key, 0)}


async def _read(request: Request, changes: Changes, rows: Catalogue, demand: int) -> tuple[Image, ...] | None:
    """One image more than a page has, or all that there are; None when the rows are not as of what is demanded."""
    enough, after, read = request.limit + 1, request.after, request.limit + 1
    wanted = request.wanted
    found: list[Image] = []
    while True:
        page = await rows.select_page(limit=read, after=after, wanted=wanted)
        if page.as_of < demand:
            return None
        is_end = len(page.images) < read
        found += merge(page.images, changes, belongs=lambda image: belongs(image, wanted), after=after, is_end=is_end)
        if is_end or len(found) >= enough:
            return tuple(found[:enough])
        after, read = place_of(page.images[-1]), min(2 * read, MOST_ROWS)
