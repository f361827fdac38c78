"""The routes that answer about images."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from litestar import Request
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler, route
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from contracts.images import ImagePage, ImageView, Status, Visibility
from contracts.principals import Principal
from services.read.asking import Asking
from services.read.http.asking import who_asks
from services.read.http.conditions import conditions, require_match, unchanged
from services.read.http.queries import DEFAULT_LIMIT, LONGEST, MAX_LIMIT, TEXT, read_asked, told
from services.read.list_images import OF_ONESELF, Asked
from services.read.memory import Remembered, as_seen_by
from services.shared.answers import JSON, Answer, json_answer
from services.shared.principals import ANYONE, ANYONE_WITH_A_LINK, Identify

LookUp = Callable[[str, Asking], Awaitable[Remembered]]
ListImages = Callable[[Asked, Asking], Awaitable[ImagePage]]
"""The use cases with their collaborators bound."""

REVALIDATE = (b"cache-control", b"no-cache")
"""Views change: clients may keep them but ask each time, which the entity tag makes cheap."""


Limit = Annotated[
    str | None, told("How many, at most", type="integer", minimum=1, maximum=MAX_LIMIT, default=DEFAULT_LIMIT)
]
Cursor = Annotated[str | None, told("`next_cursor` of the page before", pattern="^[A-Za-z0-9_-]{32}$")]
Tags = Annotated[str | None, told("All of these, separated by commas", maxLength=LONGEST, pattern=TEXT)]
ContentType = Annotated[str | None, told("`image/jpeg` for example", maxLength=LONGEST, pattern=TEXT)]
Owner = Annotated[
    str | None,
    told("Whose: an account's id, or `me` for all of one's own", anyOf=[{"const": OF_ONESELF}, {"format": "uuid"}]),
]
VisibilityWanted = Annotated[str | None, told("Only what is visible like this", enum=[*Visibility])]
Trash = Annotated[bool, told("true for one's own that are in the trash instead")]
StatusWanted = Annotated[str | None, told("Only what has come so far", enum=[*Status])]

PRIVATE = (b"cache-control", b"private, no-store")
"""For one pair of eyes, and no cache."""


def image_routes(identify: Identify, look_up: LookUp, list_images: ListImages) -> list[HTTPRouteHandler]:
    """The routes of views and lists, bound to their use cases."""
    return [_view_route(identify, look_up), _list_route(identify, list_images)]


def _view_route(identify: Identify, look_up: LookUp) -> HTTPRouteHandler:
    @route(
        "/api/v1/images/{image_id:str}",
        http_method=[HttpMethod.GET, HttpMethod.HEAD],
        responses={200: ResponseSpec(ImageView, generate_examples=False, description="As it is now")},
        security=ANYONE_WITH_A_LINK,
        summary="A picture's view",
        tags=["images"],
    )
    async def get_image(request: Request[Any, Any, Any], image_id: FromPath[str]) -> Answer:
        asking = await who_asks(request, identify)
        found = await look_up(image_id, asking)
        if asking.principal.user_id is not None:
            found = as_seen_by(found, asking.principal)
        headers = [JSON, (b"etag", found.tag), _kept(found, asking.principal)]
        asked, tag = conditions(request.scope), found.tag.decode()
        require_match(asked, tag)
        if unchanged(asked, tag):
            return Answer(304, headers[1:])
        return Answer(200, headers, found.body)

    return get_image


def _list_route(identify: Identify, list_images: ListImages) -> HTTPRouteHandler:
    @route(
        "/api/v1/images",
        http_method=[HttpMethod.GET, HttpMethod.HEAD],
        responses={200: ResponseSpec(ImagePage, generate_examples=False, description="A page of them")},
        security=ANYONE,
        summary="Public pictures, or one's own, newest first",
        tags=["images"],
    )
    async def get_images(
        *,
        request: Request[Any, Any, Any],
        limit: Limit = None,
        cursor: Cursor = None,
        tags: Tags = None,
        content_type: ContentType = None,
        owner: Owner = None,
        visibility: VisibilityWanted = None,
        status: StatusWanted = None,
        trash: Trash = False,
    ) -> Answer:
        asking = await who_asks(request, identify)
        asked = read_asked(
            limit, cursor, tags, content_type, owner=owner, visibility=visibility, status=status, trash=trash
        )
        page = await list_images(asked, asking)
        return json_answer(200, page, [REVALIDATE if asking.principal.user_id is None else PRIVATE])

    return get_images


def _kept(found: Remembered, principal: Principal) -> tuple[bytes, bytes]:
    """How long a view may be kept, and by whom: one that not everybody gets by nobody."""
    image = found.image
    hidden = image.visibility is Visibility.PRIVATE or (image.place and principal.is_user(image.owner_id))
    return PRIVATE if hidden else REVALIDATE
