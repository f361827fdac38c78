"""The routes that change images."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, delete, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter, QueryParameter

from contracts.errors import ImageNotFound
from contracts.images import Image, ImageView, UploadedView, image_path, view, view_fields
from contracts.principals import Principal
from services.shared.answers import Answer, Headers, json_answer, no_content, version_tag
from services.shared.consistency import token_headers
from services.shared.principals import ANYONE, BEARER, Identify
from services.write.change import Change
from services.write.draft import Draft
from services.write.gate import Gate
from services.write.http.bodies import (
    MAX_KEY,
    MIN_KEY,
    ChangeOperation,
    UploadOperation,
    read_change,
    read_idempotency_key,
    read_versions,
)
from services.write.http.budget import budget
from services.write.http.forms import declared_size, receive_draft
from services.write.idempotency import Keyed, keyed
from services.write.ports import Clock, Committed
from services.write.upload import Uploaded

Admit = Callable[[Principal], Awaitable[None]]
UploadCase = Callable[[Draft, Principal, Keyed | None], Awaitable[Uploaded]]
ChangeCase = Callable[..., Awaitable[Committed]]
DeleteCase = Callable[..., Awaitable[Committed]]
RestoreCase = Callable[..., Awaitable[Committed]]
"""The use cases with their collaborators bound."""

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

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        required=False,
        schema_extra={"pattern": f"^[!#-~]{{{MIN_KEY},{MAX_KEY}}}$"},
        description=(
            "Makes the upload safe to send again: the same key with the same form gets the same answer for a day, also "
            "its delete_token. Choose it at random, a UUID for example: "
            f"{MIN_KEY} to {MAX_KEY} letters, digits and signs."
        ),
    ),
]


def image_routes(
    identify: Identify,
    *,
    admit: Admit,
    gate: Gate,
    upload: UploadCase,
    change: ChangeCase,
    delete_image: DeleteCase,
    restore: RestoreCase,
    max_file_size: int,
    clock: Clock,
    origin: str = "",
) -> list[HTTPRouteHandler]:
    """The routes, bound to their use cases. `max_file_size` is in bytes, `origin` where bytes are fetched from."""

    @post(
        "/api/v1/images/upload",
        request_max_body_size=None,  # the form's reader has limits of its own
        operation_class=UploadOperation,
        responses={201: ResponseSpec(UploadedView, generate_examples=False, description="Durable; thumbnails follow")},
        security=ANYONE,
        summary="Upload a picture",
        tags=["images"],
    )
    async def post_upload(request: Request[Any, Any, Any], idempotency_key: IdempotencyKey = None) -> Answer:
        principal = await identify(request)
        size = declared_size(request, max_file_size)
        key = read_idempotency_key(idempotency_key)
        await admit(principal)  # before the body is read
        with gate.enter(size):
            async with receive_draft(request, size, max_file_size) as draft, budget():
                return _uploaded(await upload(draft, principal, keyed(key, principal, draft) if key else None), origin)

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
        wanted: Change = read_change(await request.body(), clock())
        known, versions = known_image(image_id), read_versions(if_match)
        async with budget():
            changed = await change(known, wanted, principal, token=token, versions=versions)
        return _changed(changed, principal, origin)

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
        known, versions = known_image(image_id), read_versions(if_match)
        async with budget():
            deleted = await delete_image(
                known, principal, token=token or in_query, versions=versions, permanent=permanent
            )
        return no_content(_token(deleted))

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
        known, versions = known_image(image_id), read_versions(if_match)
        async with budget():
            return _changed(await restore(known, principal, versions=versions), principal, origin)

    return [post_upload, patch_image, delete_by_id, post_restore]


def _uploaded(uploaded: Uploaded, origin: str) -> Answer:
    image = uploaded.image
    answer = UploadedView(**view_fields(image, for_owner=True, origin=origin), delete_token=uploaded.delete_token)
    return json_answer(201, answer, [(b"location", image_path(image.id).encode()), _etag(image), *_token(uploaded)])


def _changed(changed: Committed, principal: Principal, origin: str) -> Answer:
    image = changed.image
    shown = view(image, for_owner=principal.is_user(image.owner_id), origin=origin)
    return json_answer(200, shown, [_etag(image), *_token(changed)])


def _etag(image: Image) -> tuple[bytes, bytes]:
    return (b"etag", version_tag(image.version).encode())


def _token(committed: Committed | Uploaded) -> Headers:
    return token_headers(committed.image.id, committed.image.version, committed.lsn)


def known_image(image_id: str) -> UUID:
    """The id in a path; one that can't be an id is simply not there."""
    try:
        return UUID(image_id)
    except ValueError:
        raise ImageNotFound from None
