"""The route that takes pictures in."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter

from contracts.images import UploadedView, image_path, view_fields
from contracts.principals import Principal
from services.shared.answers import Answer, json_answer
from services.shared.principals import ANYONE, Identify
from services.write.draft import Draft
from services.write.gate import Gate
from services.write.http.bodies import MAX_KEY, MIN_KEY, UploadOperation, read_idempotency_key
from services.write.http.budget import budget
from services.write.http.forms import declared_size, receive_draft
from services.write.http.images import image_tag, image_token
from services.write.idempotency import Keyed, keyed
from services.write.upload import Uploaded

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


class UploadCases(msgspec.Struct, frozen=True):
    """The use cases with their collaborators bound, and what bounds them: the gate, and `max_file_size` in bytes.

    The bytes are fetched from `origin` later.
    """

    admit: Callable[[Principal], Awaitable[None]]
    upload: Callable[[Draft, Principal, Keyed | None], Awaitable[Uploaded]]
    gate: Gate
    max_file_size: int
    origin: str = ""


def upload_route(identify: Identify, cases: UploadCases) -> HTTPRouteHandler:
    """The route, bound to its use cases."""

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
        size = declared_size(request, cases.max_file_size)
        key = read_idempotency_key(idempotency_key)
        await cases.admit(principal)  # before the body is read
        with cases.gate.enter(size):
            async with receive_draft(request, size, cases.max_file_size) as draft, budget():
                uploaded = await cases.upload(draft, principal, keyed(key, principal, draft) if key else None)
                return _uploaded(uploaded, cases.origin)

    return post_upload


def _uploaded(uploaded: Uploaded, origin: str) -> Answer:
    image = uploaded.image
    answer = UploadedView(**view_fields(image, for_owner=True, origin=origin), delete_token=uploaded.delete_token)
    location = (b"location", image_path(image.id).encode())
    return json_answer(201, answer, [location, image_tag(image), *image_token(uploaded)])
