"""The routes that answer about images."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from litestar import Request
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler, route
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from contracts.consistency import ConsistencyToken
from contracts.images import ImagePage, ImageView
from contracts.principals import Principal
from services.read.http.conditions import require_match, unchanged
from services.read.http.queries import DEFAULT_LIMIT, MAX_LIMIT, read_asked
from services.read.list_images import Asked
from services.read.memory import Remembered
from services.shared.answers import JSON, Answer, json_answer
from services.shared.consistency import read_token
from services.shared.principals import identify

LookUp = Callable[[str, Principal, ConsistencyToken | None], Awaitable[Remembered]]
ListImages = Callable[[Asked, Principal, ConsistencyToken | None], Awaitable[ImagePage]]
"""The use cases with their collaborators bound."""

REVALIDATE = (b"cache-control", b"no-cache")
"""Views change: clients may keep them but ask each time, which the entity tag makes cheap."""


def image_routes(look_up: LookUp, list_images: ListImages) -> list[HTTPRouteHandler]:
    """The routes of views and lists, bound to their use cases."""

    @route(
        "/api/v1/images/{image_id:str}",
        http_method=[HttpMethod.GET, HttpMethod.HEAD],
        responses={200: ResponseSpec(ImageView, generate_examples=False)},
        summary="A picture's view",
        tags=["images"],
    )
    async def get_image(request: Request[Any, Any, Any], image_id: FromPath[str]) -> Answer:
        found = await look_up(image_id, identify(request), read_token(request.scope))
        headers = [JSON, (b"etag", found.tag), REVALIDATE]
        require_match(request.headers, found.tag.decode())
        if unchanged(request.headers, found.tag.decode()):
            return Answer(304, headers[1:])
        return Answer(200, headers, found.body)

    @route(
        "/api/v1/images",
        http_method=[HttpMethod.GET, HttpMethod.HEAD],
        responses={200: ResponseSpec(ImagePage, generate_examples=False)},
        summary="Public pictures, newest first",
        tags=["images"],
    )
    async def get_images(
        request: Request[Any, Any, Any],
        limit: Annotated[
            str | None, QueryParameter(required=False, description=f"1 to {MAX_LIMIT}, else {DEFAULT_LIMIT}")
        ] = None,
        cursor: Annotated[
            str | None, QueryParameter(required=False, description="`next_cursor` of the page before")
        ] = None,
        tags: Annotated[
            str | None, QueryParameter(required=False, description="All of these, separated by commas")
        ] = None,
        content_type: Annotated[
            str | None, QueryParameter(required=False, description="`image/jpeg` for example")
        ] = None,
    ) -> Answer:
        asked = read_asked(limit, cursor, tags, content_type)
        page = await list_images(asked, identify(request), read_token(request.scope))
        return json_answer(200, page, [REVALIDATE])

    return [get_image, get_images]
