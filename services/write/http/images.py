"""The routes that change images."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter, QueryParameter

from contracts.errors import ImageNotFound
from contracts.images import Image, ImageView, view
from contracts.principals import Principal
from services.shared.answers import Answer, Headers, json_answer, no_content, version_tag
from services.shared.consistency import token_headers
from services.shared.ids import id_in_path
from services.shared.principals import ANYONE, BEARER, Identify
from services.write.http.bodies import ChangeOperation, read_change, read_versions
from services.write.http.budget import budget
from services.write.ports import Clock, Committed
from services.write.upload import Uploaded

DeleteToken = Annotated[
    str | None,
    HeaderParameter(name="X-Delete-Token", required=False, description="The token that the upload answered with."),
]
TokenInQuery = Annotated[
    str | None,
    QueryParameter(name="delete_token", required=False, description="The same as X-Delete-Token."),
]
Permanent = Annotated[
    bool, QueryParameter(required=False, description="true for good: neither into the trash, nor left in it.")
]
IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match", required=False, description="The version that the request is meant for, as in ETag."
    ),
]


class ImageCases(msgspec.Struct, frozen=True):
    """The use cases with their collaborators bound; bytes of what they answer with are fetched from `origin`."""

    change: Callable[..., Awaitable[Committed]]
    delete: Callable[..., Awaitable[Committed]]
    restore: Callable[..., Awaitable[Committed]]
    clock: Clock
    origin: str = ""


def image_routes(identify: Identify, cases: ImageCases) -> list[HTTPRouteHandler]:
    """The routes, bound to their use cases."""
    return [_change_route(identify, cases), _delete_route(identify, cases), _restore_route(identify, cases)]


def _change_route(identify: Identify, cases: ImageCases) -> HTTPRouteHandler:
    @patch(
        "/api/v1/images/{image_id:str}",
        operation_class=ChangeOperation,
        responses={200: ResponseSpec(ImageView, generate_examples=False, description="As it is now")},
        security=ANYONE,
        summary="Change what is said about a picture",
        tags=["images"],
    )
    async def patch_image(
        request: Request[Any, Any, Any], image_id: FromPath[str], token: DeleteToken = None, if_match: IfMatch = None
    ) -> Answer:
        principal = await identify(request)
        wanted = read_change(await request.body(), cases.clock())
        known, versions = id_in_path(image_id, ImageNotFound), read_versions(if_match)
        async with budget():
            changed = await cases.change(known, wanted, principal, token=token, versions=versions)
        return _changed(changed, principal, cases.origin)

    return patch_image


def _delete_route(identify: Identify, cases: ImageCases) -> HTTPRouteHandler:
    @delete(
        "/api/v1/images/{image_id:str}",
        security=ANYONE,
        summary="Delete a picture: into the trash where it is one's own, else for good",
        tags=["images"],
    )
    async def delete_by_id(
        *,
        request: Request[Any, Any, Any],
        image_id: FromPath[str],
        token: DeleteToken = None,
        in_query: TokenInQuery = None,
        if_match: IfMatch = None,
        permanent: Permanent = False,
    ) -> Response[None]:
        principal = await identify(request)
        known, versions = id_in_path(image_id, ImageNotFound), read_versions(if_match)
        async with budget():
            deleted = await cases.delete(
                known, principal, token=token or in_query, versions=versions, permanent=permanent
            )
        return no_content(image_token(deleted))

    return delete_by_id


def _restore_route(identify: Identify, cases: ImageCases) -> HTTPRouteHandler:
    @post(
        "/api/v1/images/{image_id:str}/restore",
        responses={200: ResponseSpec(ImageView, generate_examples=False, description="As it is now, and was before")},
        status_code=200,
        security=BEARER,
        summary="Take a picture out of the trash",
        tags=["images"],
    )
    async def post_restore(
        request: Request[Any, Any, Any], image_id: FromPath[str], if_match: IfMatch = None
    ) -> Answer:
        principal = await identify(request)
        known, versions = id_in_path(image_id, ImageNotFound), read_versions(if_match)
        async with budget():
            return _changed(await cases.restore(known, principal, versions=versions), principal, cases.origin)

    return post_restore


def _changed(changed: Committed, principal: Principal, origin: str) -> Answer:
    image = changed.image
    shown = view(image, for_owner=principal.is_user(image.owner_id), origin=origin)
    return json_answer(200, shown, [image_tag(image), *image_token(changed)])


def image_tag(image: Image) -> tuple[bytes, bytes]:
    """The header that tells which version an answer shows."""
    return (b"etag", version_tag(image.version).encode())


def image_token(committed: Committed | Uploaded) -> Headers:
    """The headers by which later reads see an image at least as it is now."""
    return token_headers(committed.image.id, committed.image.version, committed.lsn)
