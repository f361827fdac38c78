"""Finding one image: memory, then the shared cache, then the replica."""

from collections.abc import Callable
from uuid import UUID

import msgspec

from contracts.errors import ImageNotFound
from contracts.images import Image, Visibility
from contracts.principals import Principal
from services.read.memory import Memory, Remembered, prepare
from services.read.ports import Catalogue, SharedCache

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Image).decode


async def look_up(
    image_id: str,
    principal: Principal,
    *,
    memory: Memory,
    shared: SharedCache,
    catalogue: Catalogue,
    attached: Callable[[], bool],
    ttl: float,
) -> Remembered:
    """The image under this id, with its answer ready.

    What is remembered is believed only while `attached` says that events are heard: nobody else would tell
    that it has become old. Otherwise the base is asked. `ttl` is how many seconds the shared cache keeps an image.

    Raises `ImageNotFound` for what is not there, what is deleted, what the caller may not see and what is no
    id at all: they look alike. Raises `Unavailable` when it takes the replica and there is none.
    """
    if attached():
        found = memory.get(image_id) or await _fetch(_parse(image_id), memory, shared, catalogue, ttl)
    else:
        found = prepare(await _select(_parse(image_id), catalogue))
    if found.image.visibility is Visibility.PRIVATE and found.image.owner_id != principal.user_id:
        raise ImageNotFound
    return found


async def _fetch(image_id: UUID, memory: Memory, shared: SharedCache, catalogue: Catalogue, ttl: float) -> Remembered:
    known = memory.get(str(image_id))  # the caller may have spelt the id in another way
    if known is not None:
        return known
    image = await _cached(image_id, shared)
    if image is None:
        image = await _select(image_id, catalogue)
        await shared.put(image_id, image.version, _encode(image), ttl)
    found = prepare(image)
    memory.remember(found)
    return found


async def _select(image_id: UUID, catalogue: Catalogue) -> Image:
    image = await catalogue.select_image(image_id)
    if image is None:
        raise ImageNotFound
    return image


async def _cached(image_id: UUID, shared: SharedCache) -> Image | None:
    data = await shared.get(image_id)
    if data is None:
        return None
    try:
        return _decode(data)
    except msgspec.DecodeError:
        return None  # written by another version of this program: the base knows better


def _parse(image_id: str) -> UUID:
    try:
        return UUID(image_id)
    except ValueError:
        raise ImageNotFound from None
