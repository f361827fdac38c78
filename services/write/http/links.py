"""The routes that make and revoke signed links."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from litestar import Request, Response, delete, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIType, Schema
from litestar.params import FromPath

from contracts.errors import ImageNotFound, InvalidField
from contracts.variants import VARIANTS
from services.shared.answers import NO_STORE, Answer, json_answer, no_content
from services.shared.ids import id_in_path
from services.shared.links import LONGEST
from services.shared.principals import ANYONE, Identify
from services.write.http.budget import budget
from services.write.http.images import DeleteToken, image_token
from services.write.http.json_bodies import json_operation, read_json
from services.write.make_link import MadeLink
from services.write.ports import Committed

PARTS = {"file": "/file", "view": "", **{variant.name: f"/thumbnails/{variant.name}" for variant in VARIANTS}}
"""What a link can open, and where that is below the image's own path."""

DEFAULT_LIFE = 3600
"""Seconds of a link's life."""


class LinkBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A link: how many seconds it holds, a whole number (to JSON 60.0 is one too), and what it opens."""

    expires_in: float = DEFAULT_LIFE
    part: str = "file"


LinkOperation = json_operation(
    expires_in=Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=int(LONGEST.total_seconds()), default=DEFAULT_LIFE),
    part=Schema(type=OpenAPIType.STRING, enum=list(PARTS), default="file"),
)


class LinkView(msgspec.Struct, frozen=True):
    """A path with a query that opens it, without any token, until `expires_at`."""

    url: str
    expires_at: datetime


class LinkCases(msgspec.Struct, frozen=True):
    """The use cases with their collaborators bound."""

    make_link: Callable[..., Awaitable[MadeLink]]
    revoke_links: Callable[..., Awaitable[Committed]]


def link_routes(identify: Identify, cases: LinkCases) -> list[HTTPRouteHandler]:
    """The routes, bound to their use cases."""
    return [_make_route(identify, cases), _revoke_route(identify, cases)]


def _make_route(identify: Identify, cases: LinkCases) -> HTTPRouteHandler:
    @post(
        "/api/v1/images/{image_id:str}/links",
        operation_class=LinkOperation,
        responses={201: ResponseSpec(LinkView, generate_examples=False, description="Whoever has it may look")},
        security=ANYONE,
        summary="Make a link that opens a private picture for a while",
        tags=["images"],
    )
    async def post_link(request: Request[Any, Any, Any], image_id: FromPath[str], token: DeleteToken = None) -> Answer:
        principal = await identify(request)
        part, life = _wanted(read_json(await request.body(), LinkBody))
        async with budget():
            made = await cases.make_link(id_in_path(image_id, ImageNotFound), part, life, principal, token=token)
        return json_answer(201, LinkView(made.url, made.expires_at), [NO_STORE])

    return post_link


def _revoke_route(identify: Identify, cases: LinkCases) -> HTTPRouteHandler:
    @delete(
        "/api/v1/images/{image_id:str}/links",
        security=ANYONE,
        summary="Revoke all links to a picture",
        tags=["images"],
    )
    async def delete_links(
        request: Request[Any, Any, Any], image_id: FromPath[str], token: DeleteToken = None
    ) -> Response[None]:
        principal = await identify(request)
        async with budget():
            changed = await cases.revoke_links(id_in_path(image_id, ImageNotFound), principal, token=token)
        return no_content(image_token(changed))

    return delete_links


def _wanted(asked: LinkBody) -> tuple[str, timedelta]:
    longest = int(LONGEST.total_seconds())
    if not (float(asked.expires_in).is_integer() and 1 <= asked.expires_in <= longest):
        raise InvalidField(
            f"A link holds for whole seconds, {LONGEST.days} days at most.", field="expires_in", limit=longest
        )
    if asked.part not in PARTS:
        raise InvalidField(f"A link opens one of these: {', '.join(PARTS)}.", field="part")
    return PARTS[asked.part], timedelta(seconds=asked.expires_in)
