"""The rules by which a read service believes what it remembers."""

import asyncio

import msgspec
import pytest

from contracts.errors import ImageNotFound, Unavailable
from contracts.images import Visibility
from contracts.principals import ANONYMOUS, Principal
from services.read.flights import Flights
from services.read.follow import Follower
from services.read.look_up import look_up
from services.read.memory import Memory
from services.read.trust import SETTLE, Trust
from tests.eventually import eventually
from tests.unit import samples
from tests.unit.samples import NOON

TTL = 60.0


class Base:
    """A replica: it lags until told what is true. Counts its questions."""

    def __init__(self):
        self.rows = {}
        self.questions = 0

    async def select_image(self, image_id):
        self.questions += 1
        await asyncio.sleep(0)
        return self.rows.get(image_id)


class Cache:
    """A shared cache that can be deaf to what it is told."""

    def __init__(self):
        self.entries = {}
        self.deaf = False

    async def get(self, image_id):
        return self.entries.get(image_id)

    async def put(self, image_id, version, data, ttl):
        self.entries[image_id] = data

    async def forget(self, image_id, version):
        if not self.deaf:
            self.entries.pop(image_id, None)
        return not self.deaf


class Service:
    """What a read service is made of, with a clock and a stream in the test's hands."""

    def __init__(self):
        self.now, self.hears = 0.0, True
        self.base, self.cache, self.memory = Base(), Cache(), Memory(1 << 20)
        self.trust = Trust(
            attached=lambda: self.hears, told=lambda: self.follower.has_told_all, ttl=TTL, clock=lambda: self.now
        )
        self.follower = Follower(memory=self.memory, shared=self.cache, on_overflow=self.trust.restart)
        self.flights = Flights()
        self.trust.in_memory()

    async def look_up(self, image, principal=ANONYMOUS):
        found = await look_up(
            str(image.id),
            principal,
            memory=self.memory,
            shared=self.cache,
            catalogue=self.base,
            trust=self.trust,
            flights=self.flights,
            ttl=TTL,
        )
        return found.image


@pytest.fixture
def service():
    """A read service that has heard events for long."""
    made = Service()
    made.now = 2 * TTL
    return made


def newer(image, **changes):
    return msgspec.structs.replace(image, version=image.version + 1, **changes)


async def test_the_base_is_asked_once_and_then_memory_answers(service):
    """Also when many ask at the same moment."""
    image = samples.image()
    service.base.rows[image.id] = image
    assert await asyncio.gather(*(service.look_up(image) for _ in range(50))) == [image] * 50
    assert await service.look_up(image) == image
    assert service.base.questions == 1


async def test_an_event_is_believed_before_a_base_that_lags(service):
    """A new image, a change and a deletion are true from the event on."""
    image = samples.image()
    service.follower.hear(image)
    assert await service.look_up(image) == image
    changed = newer(image, description="new")
    service.base.rows[image.id] = image
    service.follower.hear(changed)
    assert await service.look_up(image) == changed
    service.follower.hear(newer(changed, deleted_at=NOON))
    with pytest.raises(ImageNotFound):
        await service.look_up(image)


async def test_an_event_that_comes_while_the_base_is_asked_wins(service):
    """A slow look-up can't show, or put back, what has become old."""
    image = samples.image()
    service.base.rows[image.id] = image
    asking = asyncio.create_task(service.look_up(image))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    service.follower.hear(newer(image, deleted_at=NOON))
    with pytest.raises(ImageNotFound):
        await asking


async def test_memory_is_not_believed_while_no_events_are_heard_and_for_a_while_after(service):
    """Events committed meanwhile still have to reach the stream."""
    image = samples.image()
    service.follower.hear(image)
    service.base.rows[image.id] = newer(image, description="unheard of")
    service.hears = False
    assert (await service.look_up(image)).description == "unheard of"
    service.hears = True
    service.memory.clear()
    service.follower.hear(image)
    service.base.rows[image.id] = newer(newer(image), description="newer still")
    assert (await service.look_up(image)).description == "newer still"
    service.now += SETTLE
    assert service.trust.in_memory()


async def test_the_shared_cache_is_believed_after_its_entries_have_all_been_heard_of(service):
    """Not sooner, not while it has not been told all, not below what was heard, and not when it can't be read."""
    image = samples.image()
    service.base.rows[image.id] = newer(image)
    service.cache.entries[image.id] = msgspec.json.encode(image)
    assert await service.look_up(image) == image

    service.memory.clear()
    service.trust.restart()
    assert await service.look_up(image) == newer(image)

    service.memory.clear()
    service.now += TTL
    service.cache.entries[image.id] = b"no image"
    assert await service.look_up(image) == newer(image)

    service.memory.clear()
    service.memory.forget(str(image.id), 2)
    service.cache.entries[image.id] = msgspec.json.encode(image)
    assert await service.look_up(image) == newer(image)

    service.cache.deaf = True
    telling = asyncio.create_task(service.follower.run())
    service.follower.hear(newer(image))
    assert not service.trust.in_cache()
    service.cache.deaf = False

    def was_told() -> None:
        assert service.follower.has_told_all
        assert service.trust.in_cache()

    await eventually(was_told)
    telling.cancel()


async def test_a_backlog_without_end_makes_the_cache_doubtful(service):
    """Changes beyond the bound are not kept, so nobody believes the cache for a while."""
    service.cache.deaf = True
    assert service.trust.in_cache()
    image = samples.image()
    for _ in range(10_001):
        service.follower.hear(image)
    assert service.trust._since is None


async def test_a_private_image_is_its_owners_alone(service):
    """To everyone else it does not exist."""
    owner = Principal(samples.image().id)
    image = samples.image(visibility=Visibility.PRIVATE, owner_id=owner.user_id)
    service.base.rows[image.id] = image
    assert await service.look_up(image, owner) == image
    with pytest.raises(ImageNotFound):
        await service.look_up(image)


async def test_an_error_reaches_everyone_who_waits_and_is_not_remembered(service):
    """The next look-up asks again."""
    image = samples.image()

    async def fails(image_id):
        await asyncio.sleep(0)
        raise Unavailable

    answer, service.base.select_image = service.base.select_image, fails
    results = await asyncio.gather(*(service.look_up(image) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [Unavailable] * 3
    service.base.select_image = answer
    service.base.rows[image.id] = image
    assert await service.look_up(image) == image
