"""Finding one image.

    attached:  memory, which has nothing that is in the overlay
               the overlay, while the replica may not have the change
               the shared cache, the replica                        as of what was heard, and of the caller's token
               the primary, a few questions at a time               where the replica is not that far in time
    detached:  the replica                                          as of what the primary had when the question came
               the primary

`decide.py` is the rule of it, `overlay.py` says why it holds. What is found is remembered if and only if the overlay
doesn't hold the image and what was found is as of `needed`: both are asked after the last await, so however slow a
look-up was, it puts back nothing that was changed in the meantime.
"""

from contextlib import suppress
from uuid import UUID

import msgspec

from contracts.consistency import ConsistencyToken
from contracts.errors import ImageNotFound, Unavailable
from contracts.images import Image
from infrastructure.failpoints import failpoint
from services.read.access import Opens, may_see
from services.read.asking import Asking
from services.read.base import Base
from services.read.decide import Question, Route, decide, demand
from services.read.flights import Flights
from services.read.memory import Memory, Remembered, prepare
from services.read.overlay import Overlay
from services.read.ports import Catalogue, Clock, Lease, SharedCache
from services.shared.ids import id_in_path

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Image).decode


class Seen(msgspec.Struct, frozen=True):
    """What somebody has of an image, None if there is none, with everything that was committed before `as_of`."""

    found: Remembered | None
    as_of: int


class Sources(msgspec.Struct, frozen=True):
    """Everything that knows images; `ttl` is how many seconds the shared cache keeps one,
    `clock` is what images expire by, `origin` where bytes are fetched from.
    """

    memory: Memory
    overlay: Overlay[UUID, Remembered]
    shared: SharedCache
    base: Base
    lease: Lease
    ttl: float
    clock: Clock
    origin: str = ""
    flights: Flights[Seen] = msgspec.field(default_factory=Flights)


async def look_up(image_id: str, asking: Asking, *, sources: Sources, opens: Opens) -> Remembered:
    """The image under this id, with its answer ready, not older than the change that the caller's token stands for.

    Raises `ImageNotFound` for what is not there, what is deleted, expired or in the trash, what the caller may not see
    and what is no id at all: they look alike. Raises `Unavailable` when nobody who could answer is there.
    """
    token = asking.token
    found = sources.memory.get(image_id) if sources.lease.is_held else None
    is_remembered = found is not None
    if found is None or (token is not None and not _is_after(found, token)):
        found = await _find(id_in_path(image_id, ImageNotFound), token, sources)
    image = found.image
    if not image.is_there(sources.clock()) or not may_see(image, asking.principal, asking.link, opens=opens):
        if is_remembered:
            await _search_in_vain(image.id, sources)
        raise ImageNotFound
    return found


async def _search_in_vain(image_id: UUID, sources: Sources) -> None:
    """Takes as long for an image that is hidden as one takes that isn't there.

    That is asked for in the base, and remembered as absent for a second; so is this.
    """
    if not sources.memory.is_hidden(str(image_id)):
        with suppress(Unavailable):
            await sources.shared.get(image_id)
            await sources.base.rows.select_image(image_id)
        sources.memory.remember_hidden(str(image_id))


def _is_after(found: Remembered, token: ConsistencyToken) -> bool:
    image = found.image
    return found.as_of >= token.lsn or (image.id == token.subject_id and image.version >= token.version)


async def _find(image_id: UUID, token: ConsistencyToken | None, sources: Sources) -> Remembered:
    """Asks whoever may answer, until an answer is as new as it has to be; the primary's is."""
    overlay, base = sources.overlay, sources.base
    index = None if sources.lease.is_held else await base.index()
    question = Question(image_id, token, index)
    if question.is_plain and sources.memory.is_absent(str(image_id)):
        raise ImageNotFound
    deadline = base.deadline()
    asked = False
    while True:
        entry = overlay.get(image_id)
        route = decide(question, entry, overlay.needed(image_id), base.position)
        if route is Route.GONE:
            raise ImageNotFound
        if route is Route.OVERLAY and entry is not None and entry.value is not None:
            return entry.value
        if route is Route.BASE and not asked:
            asked = True
            seen = await _ask(question, sources)
            if seen is None:
                break
            if seen.as_of >= demand(question, overlay.needed(image_id)):
                return _present(seen)
        else:
            asked = False
            if not await base.news.wait(deadline):
                break
    return await _ask_primary(image_id, sources)


async def _ask(question: Question, sources: Sources) -> Seen | None:
    """What the shared cache or the replica has, asked once for all who ask at the same time; None without a replica."""
    image_id = question.image_id
    try:
        return await sources.flights.join(
            (image_id, question.is_plain), lambda: _fetch(image_id, sources, cached=question.is_plain)
        )
    except Unavailable:
        return None


async def _fetch(image_id: UUID, sources: Sources, *, cached: bool) -> Seen:
    seen = await _cached(image_id, sources) if cached else None
    if seen is None:
        row = await sources.base.rows.select_image(image_id)
        await failpoint("look_up.before_fill")
        seen = Seen(None if row.image is None else prepare(row.image, row.as_of, origin=sources.origin), row.as_of)
        _remember(image_id, seen, sources)
        if row.image is not None and cached:
            await sources.shared.put(image_id, row.image.version, row.as_of, _encode(row.image), sources.ttl)
    else:
        _remember(image_id, seen, sources)
    return seen


def _remember(image_id: UUID, seen: Seen, sources: Sources) -> None:
    """Keeps what was seen, if it is all that was heard. Between this question and the keeping nothing can happen."""
    overlay, memory = sources.overlay, sources.memory
    if overlay.get(image_id) is not None or seen.as_of < overlay.needed(image_id):
        return
    if seen.found is None:
        memory.remember_absent(str(image_id))
    else:
        memory.remember(seen.found)


async def _cached(image_id: UUID, sources: Sources) -> Seen | None:
    """What the shared cache has, if it can be read and has all that was heard."""
    cached = await sources.shared.get(image_id)
    if cached is None or cached.as_of < sources.overlay.needed(image_id):
        return None
    try:
        return Seen(prepare(_decode(cached.data), cached.as_of, origin=sources.origin), cached.as_of)
    except msgspec.DecodeError:
        return None  # written by another version of this program: the base knows better


async def _ask_primary(image_id: UUID, sources: Sources) -> Remembered:
    """What the primary has. It is not remembered, for nobody can say as of when it is."""

    async def select(rows: Catalogue) -> Image | None:
        return (await rows.select_image(image_id)).image

    image = await sources.base.ask_primary(select)
    if image is None:
        raise ImageNotFound
    return prepare(image, origin=sources.origin)


def _present(seen: Seen) -> Remembered:
    if seen.found is None:
        raise ImageNotFound
    return seen.found
