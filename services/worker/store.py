"""Storing what was rendered."""

import asyncio
from collections.abc import Sequence
from hashlib import sha256
from uuid import UUID

from contracts.images import Derivative
from contracts.variants import derivative_key, recipe_of
from services.worker.ports import Objects, Picture


async def store(blob_id: UUID, pictures: Sequence[Picture], *, objects: Objects) -> tuple[Derivative, ...]:
    """Pictures -> objects on the shards, all at once -> what a row says of them. Raises `Unavailable`."""
    return tuple(await asyncio.gather(*(_store(blob_id, picture, objects) for picture in pictures)))


async def _store(blob_id: UUID, picture: Picture, objects: Objects) -> Derivative:
    key = derivative_key(blob_id, picture.variant, picture.content_type, picture.data)
    return Derivative(
        variant=picture.variant,
        content_type=picture.content_type,
        key=key,
        width=picture.width,
        height=picture.height,
        size=len(picture.data),
        placement=await objects.put(key, picture.data, picture.content_type),
        recipe=recipe_of(picture.variant),
        sha256=sha256(picture.data).hexdigest(),
    )
