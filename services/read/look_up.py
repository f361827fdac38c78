"""Finding one image: memory, then the shared cache, then the replica."""

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
    image_id: str, principal: Principal, *, memory: Memory, shared: SharedCache, catalogue: Catalogue
) -> Remembered:
    """The image under this id, with its answer ready.

    Raises `ImageNotFound` for what is not there, what is deleted, what the caller may not see and what is no
    id at all: they look alike. Raises `Unavailable` when it takes the replica and there is none.
    """
    found = memory.get(image_id)
    if found is None:
        known = _parse(image_id)
        found = memory.get(str(known)) or await _fetch(known, memory, shared, catalogue)
    if found.image.visibility is Visibility.PRIVATE and found.image.owner_id != principal.user_id:
        raise ImageNotFound
    return found


async def _fetch(image_id: UUID, memory: Memory, shared: SharedCache, catalogue: Catalogue) -> Remembered:
    """Asks the shared cache and the base. While no events are heard only the base is believed."""
    image = await _cached(image_id, shared) if memory.attached else None
    if image is None:
        image = await catalogue.select_image(image_id)
        if image is None:
            raise ImageNotFound
        if memory.attached:
            await shared.put(image_id, image.version, _encode(image))
    found = prepare(image)
    memory.remember(found)
    return found


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
