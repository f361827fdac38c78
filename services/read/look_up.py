"""Finding one image: memory, then the shared cache, then the replica."""

from uuid import UUID

import msgspec

from contracts.errors import ImageNotFound
from contracts.images import Image, Visibility
from contracts.principals import Principal
from infrastructure.failpoints import failpoint
from services.read.flights import Flights
from services.read.memory import Memory, Remembered, prepare
from services.read.ports import Catalogue, SharedCache
from services.read.trust import Trust

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Image).decode


async def look_up(
    image_id: str,
    principal: Principal,
    *,
    memory: Memory,
    shared: SharedCache,
    catalogue: Catalogue,
    trust: Trust,
    flights: Flights[Remembered],
    ttl: float,
) -> Remembered:
    """The image under this id, with its answer ready.

    Raises `ImageNotFound` for what is not there, what is deleted, what the caller may not see and what is no
    id at all: they look alike. Raises `Unavailable` when it takes the replica and there is none. What is
    remembered is used only while `trust` lasts; `ttl` is how many seconds the shared cache keeps an image.
    """
    found = memory.get(image_id) if trust.in_memory() else None
    if found is None:
        known = _parse(image_id)
        found = await flights.join(known, lambda: _fetch(known, memory, shared, catalogue, trust, ttl))
    if found.image.visibility is Visibility.PRIVATE and found.image.owner_id != principal.user_id:
        raise ImageNotFound
    return found


async def _fetch(  # noqa: PLR0917 - hands on what look_up was given
    image_id: UUID, memory: Memory, shared: SharedCache, catalogue: Catalogue, trust: Trust, ttl: float
) -> Remembered:
    """Asks the shared cache and the base. A deletion that was heard of is final, whatever either says."""
    if memory.is_gone(str(image_id)):
        raise ImageNotFound
    image = await _cached(image_id, memory, shared) if trust.in_cache() else None
    if image is None:
        image = await catalogue.select_image(image_id)
        await failpoint("look_up.before_fill")
        if image is None or memory.is_gone(str(image_id)):
            raise ImageNotFound
        await shared.put(image_id, image.version, _encode(image), ttl)
    found = prepare(image)
    memory.remember(found)
    return memory.newest(found)


async def _cached(image_id: UUID, memory: Memory, shared: SharedCache) -> Image | None:
    """What the shared cache has, unless it is older than what was heard of."""
    data = await shared.get(image_id)
    if data is None:
        return None
    try:
        image = _decode(data)
    except msgspec.DecodeError:
        return None  # written by another version of this program: the base knows better
    return image if image.version >= memory.floor(str(image_id)) else None


def _parse(image_id: str) -> UUID:
    try:
        return UUID(image_id)
    except ValueError:
        raise ImageNotFound from None
