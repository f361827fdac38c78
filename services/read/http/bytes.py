"""The routes of files and thumbnails.

An answer here has no body: `X-Accel-Redirect` tells nginx which object to send, and the headers beside it
how to present it; the two named `X-Delivery-` become Cache-Control and Content-Disposition only if that succeeds.
Ranges are nginx's business. Only the placeholder for a thumbnail that is still being made is sent from here.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler, route
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, PathParameter, QueryParameter

from contracts.images import Image, Visibility
from contracts.variants import DEFAULT_VARIANT, VARIANTS
from services.read.deliver import Part, locate, original, thumbnail, variant_name
from services.read.http.asking import who_asks
from services.read.http.conditions import conditions, http_date, require_match, unchanged
from services.read.http.disposition import content_disposition
from services.read.http.images import LookUp
from services.read.ports import Clock
from services.shared.answers import Answer, Headers
from services.shared.headers import header_of
from services.shared.principals import ANYONE_WITH_A_LINK, Identify

DrawPlaceholder = Callable[[str | None, int, int], bytes]
"""A small PNG that shows what a ThumbHash describes, or nothing yet, in the proportions of a width and a height."""

PLACEHOLDER: Headers = [
    (b"content-type", b"image/png"),
    (b"cache-control", b"no-store"),
    (b"x-chitram-placeholder", b"1"),
    (b"retry-after", b"1"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"cross-origin-resource-policy", b"cross-origin"),
]
"""What is said of a placeholder: nobody may take it for the thumbnail, which a second later may be there.

It has no tag and no ranges, so whoever asks conditionally or for a part gets all of it.
"""

READING = [HttpMethod.GET, HttpMethod.HEAD]

BYTES = {
    200: ResponseSpec(bytes, generate_examples=False, media_type="image/*", description="The bytes, sent by nginx")
}
THUMBNAIL = {
    200: ResponseSpec(
        bytes,
        generate_examples=False,
        media_type="image/*",
        description="The thumbnail; with `X-Chitram-Placeholder: 1` a stand-in for one that is still being made",
    )
}

Name = Annotated[str, PathParameter(schema_extra={"enum": [variant.name for variant in VARIANTS]})]
Download = Annotated[bool, QueryParameter(required=False, description="1 to get it as an attachment")]


class Sender(msgspec.Struct, frozen=True):
    """Answers by which nginx sends what a caller may have of an image.

    `max_age` is how many seconds browsers may keep public bytes, and `clock` tells how long they live.
    """

    identify: Identify
    look_up: LookUp
    draw_placeholder: DrawPlaceholder
    max_age: int
    clock: Clock

    async def send_file(self, request: Request[Any, Any, Any], image_id: str, *, download: bool) -> Answer:
        """The original, as it is stored."""
        image = await self._image(request, image_id)
        return self._send(request, image, original(image), download=download)

    async def send_thumbnail(
        self, request: Request[Any, Any, Any], image_id: str, variant: str, *, download: bool
    ) -> Answer:
        """A rendering, or a placeholder while it is being made."""
        image = await self._image(request, image_id)
        part = thumbnail(image, variant, header_of(request.scope, b"accept") or "")
        if part is not None:
            return self._send(request, image, part, download=download)
        require_match(conditions(request.scope), tag="")
        name = content_disposition(variant_name(image, variant, "image/png"), download=download)
        drawn = self.draw_placeholder(image.blob.placeholder, image.blob.width, image.blob.height)
        return Answer(200, [*PLACEHOLDER, (b"content-disposition", name.encode())], drawn)

    async def _image(self, request: Request[Any, Any, Any], image_id: str) -> Image:
        return (await self.look_up(image_id, await who_asks(request, self.identify))).image

    def _send(self, request: Request[Any, Any, Any], image: Image, part: Part, *, download: bool) -> Answer:
        tags = _tags(image, part)
        keep = _kept(image, self.max_age, self.clock())
        asked = conditions(request.scope)
        require_match(asked, part.tag, image.created_at)
        if unchanged(asked, part.tag, image.created_at):
            return Answer(304, [*tags, (b"cache-control", keep)])
        return Answer(200, [*tags, (b"x-delivery-cache-control", keep), *_transfer(part, download=download)])


def bytes_routes(sender: Sender) -> list[HTTPRouteHandler]:
    """The routes, bound to what answers them."""
    return [_file_route(sender), _variant_route(sender), _thumbnail_route(sender)]


def _file_route(sender: Sender) -> HTTPRouteHandler:
    @route(
        "/api/v1/images/{image_id:str}/file",
        http_method=READING,
        responses=BYTES,
        security=ANYONE_WITH_A_LINK,
        summary="A picture's bytes",
        tags=["images"],
    )
    async def get_file(request: Request[Any, Any, Any], image_id: FromPath[str], download: Download = False) -> Answer:
        return await sender.send_file(request, image_id, download=download)

    return get_file


def _variant_route(sender: Sender) -> HTTPRouteHandler:
    @route(
        "/api/v1/images/{image_id:str}/thumbnails/{variant:str}",
        http_method=READING,
        responses=THUMBNAIL,
        security=ANYONE_WITH_A_LINK,
        summary="A rendering that fits a box, its format by Accept",
        tags=["images"],
    )
    async def get_variant(
        request: Request[Any, Any, Any], image_id: FromPath[str], variant: Name, download: Download = False
    ) -> Answer:
        return await sender.send_thumbnail(request, image_id, variant, download=download)

    return get_variant


def _thumbnail_route(sender: Sender) -> HTTPRouteHandler:
    @route(
        "/api/v1/images/{image_id:str}/thumbnail",
        http_method=READING,
        responses=THUMBNAIL,
        security=ANYONE_WITH_A_LINK,
        summary=f"The {DEFAULT_VARIANT} thumbnail",
        tags=["images"],
    )
    async def get_thumbnail(
        request: Request[Any, Any, Any], image_id: FromPath[str], download: Download = False
    ) -> Answer:
        return await sender.send_thumbnail(request, image_id, DEFAULT_VARIANT, download=download)

    return get_thumbnail


def _kept(image: Image, max_age: int, now: datetime) -> bytes:
    """Who may keep the bytes, and for how many seconds: never longer than the image lives."""
    if image.visibility is Visibility.PRIVATE:
        return b"private, no-store"
    if image.expires_at is not None:
        max_age = max(0, min(max_age, int((image.expires_at - now).total_seconds())))
    return b"public, max-age=%d" % max_age


def _tags(image: Image, part: Part) -> Headers:
    headers = [(b"etag", part.tag.encode()), (b"last-modified", http_date(image.created_at).encode())]
    if part.negotiated:
        headers.append((b"vary", b"accept"))
    if image.visibility is not Visibility.PRIVATE:
        headers.append((b"surrogate-key", str(image.id).encode()))
    return headers


def _transfer(part: Part, *, download: bool) -> Headers:
    return [
        (b"content-type", part.content_type.encode()),
        (b"x-delivery-disposition", content_disposition(part.filename, download=download).encode()),
        (b"x-accel-redirect", locate(part).encode()),
    ]
