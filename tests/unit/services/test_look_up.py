"""The rules by which a read service answers from what it remembers, and when it asks."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from contracts.consistency import ConsistencyToken
from contracts.errors import ImageNotFound, Unavailable
from contracts.events import ImageDeleted, ImageRestored, ImageTrashed
from contracts.images import Visibility
from contracts.principals import ANONYMOUS, Principal, Scope
from services.read.asking import Asking
from services.read.look_up import look_up
from services.shared.links import Link
from tests.unit import samples
from tests.unit.samples import NOON
from tests.unit.services.read_service import Cached, Service


@pytest.fixture
async def service():
    """A read service that is attached, and a replica with nothing to catch up."""
    made = Service()
    await made.base.look()
    return made


def newer(image, **changes):
    return msgspec.structs.replace(image, version=image.version + 1, **changes)


def token_of(image, lsn):
    return ConsistencyToken(lsn, image.id, image.version)


async def test_the_base_is_asked_once_and_then_memory_answers(service):
    """Also when many ask at the same moment."""
    image = samples.image()
    service.commit(image, 10)
    await service.replay()
    assert await asyncio.gather(*(service.look_up(image) for _ in range(50))) == [image] * 50
    assert await service.look_up(image) == image
    assert service.replica.questions == 1


async def test_an_event_is_believed_before_a_base_that_lags(service):
    """A new image, a change and a deletion are true from the event on, whatever the replica says."""
    image = samples.image()
    service.hear(image, 10)
    assert await service.look_up(image) == image
    service.replica.rows[image.id] = image
    changed = newer(image, description="new")
    service.hear(changed, 20)
    assert await service.look_up(image) == changed
    service.hear(newer(changed), 30, ImageDeleted)
    with pytest.raises(ImageNotFound):
        await service.look_up(image)
    assert service.replica.questions == 0


@pytest.mark.parametrize("replays", [False, True])
async def test_an_event_that_comes_while_the_base_is_asked_wins(service, replays):
    """A slow look-up shows and remembers nothing older, also when the overlay has let go of the change already."""
    image = samples.image()
    service.commit(image, 10)
    await service.replay()

    def delete() -> None:
        service.replica.meanwhile = lambda: None
        service.primary.rows.clear()
        service.hear(newer(image), 20, ImageDeleted)
        if replays:
            service.replica.rows.clear()
            service.replica.at = 20
            service.overlay.settle(20)

    service.replica.meanwhile = delete
    with pytest.raises(ImageNotFound):
        await service.look_up(image)
    assert len(service.memory) == 0
    with pytest.raises(ImageNotFound):
        await service.look_up(image)


async def test_the_shared_cache_is_believed_if_it_has_what_was_heard(service):
    """Not when it is as of a time before that, not when it can't be read; what it lacks it is given."""
    image = samples.image()
    service.commit(image, 10)
    await service.replay()
    service.cache.entries[image.id] = Cached(msgspec.json.encode(newer(image, description="cached")), 10)
    assert (await service.look_up(image)).description == "cached"

    changed = newer(image, description="heard")
    service.commit(changed, 20)
    service.hear(changed, 20)
    await service.replay()
    for stale in (Cached(msgspec.json.encode(image), 19), Cached(b"no image", 30)):
        service.memory.clear()
        service.cache.entries[image.id] = stale
        assert await service.look_up(image) == changed
        assert service.cache.entries[image.id] == Cached(msgspec.json.encode(changed), 20)


async def test_what_is_not_there_is_asked_for_once_a_second_and_every_time_with_a_token(service):
    """And an event ends it at once."""
    image = samples.image()
    for _ in range(3):
        with pytest.raises(ImageNotFound):
            await service.look_up(image)
    assert service.replica.questions == 1
    service.commit(image, 10)
    service.replica.rows, service.replica.at = dict(service.primary.rows), 10
    await service.base.look()
    assert await service.look_up(image, token_of(image, 10)) == image
    other = samples.image()
    with pytest.raises(ImageNotFound):
        await service.look_up(other)
    service.hear(other, 20)
    assert await service.look_up(other) == other


async def test_a_token_is_worth_more_than_memory(service):
    """Whoever has made a change sees it before anybody has heard of it; for others memory is good enough."""
    image, other = samples.image(), samples.image()
    service.commit(image, 10)
    await service.replay()
    assert await service.look_up(image) == image
    changed = newer(image, description="mine")
    service.commit(changed, 20)
    await service.replay()
    assert await service.look_up(image) == image
    assert await service.look_up(image, token_of(changed, 20)) == changed
    assert await service.look_up(image, token_of(other, 20)) == changed
    assert service.replica.questions == 2


async def test_a_token_waits_for_the_event_the_replica_or_the_primary(service):
    """Whichever comes first; without any of them there is no answer."""
    image = samples.image()
    service.commit(image, 10)
    token = token_of(image, 10)
    waiting = asyncio.create_task(service.look_up(image, token))
    await asyncio.sleep(0)
    service.hear(image, 10)
    assert await waiting == image

    changed = newer(image)
    service.commit(changed, 20)
    waiting = asyncio.create_task(service.look_up(image, token_of(changed, 20)))
    await asyncio.sleep(0)
    await service.replay()
    assert await waiting == changed
    assert service.primary.questions == 0

    last = newer(changed)
    service.commit(last, 30)
    assert await service.look_up(image, token_of(last, 30)) == last
    assert service.primary.questions == 1
    service.primary.is_there = False
    with pytest.raises(Unavailable):
        await service.look_up(image, token_of(last, 30))


async def test_a_base_that_is_behind_what_was_forgotten_is_not_asked(service):
    """After a move to a replica that lacks what the last one had, the primary answers for it, and only for it."""
    image, other = samples.image(), samples.image()
    service.commit(image, 10)
    service.primary.rows[other.id] = other
    await service.replay()
    changed = newer(image)
    service.commit(changed, 20)
    service.hear(changed, 20)
    await service.replay()
    service.replica.rows, service.replica.at = {image.id: image, other.id: other}, 10
    await service.base.look()
    assert await service.look_up(image) == changed
    assert await service.look_up(other) == other
    assert (service.replica.questions, service.primary.questions) == (1, 1)


@pytest.mark.parametrize("heard", [False, True])
async def test_an_image_is_gone_at_its_end_wherever_it_is_held(service, heard):
    """In memory, in the overlay or in the base, and from that moment on."""
    image = samples.image(expires_at=NOON + timedelta(seconds=1))
    if heard:
        service.hear(image, 10)
    else:
        service.commit(image, 10)
        await service.replay()
    service.now = NOON + timedelta(seconds=0.999)
    assert await service.look_up(image) == image
    service.now = image.expires_at
    for _ in range(2):
        with pytest.raises(ImageNotFound):
            await service.look_up(image)


async def test_detached_only_a_base_is_believed_that_has_all_that_is_committed(service):
    """Neither memory nor the overlay, but for deletions; and without the primary nobody knows what is committed."""
    image = samples.image()
    service.commit(image, 10)
    await service.replay()
    assert await service.look_up(image) == image
    service.lease.is_held = False
    changed = newer(image, description="unheard of")
    service.commit(changed, 20)
    assert await service.look_up(image) == changed
    assert service.primary.questions == 1
    await service.replay()
    assert await service.look_up(image) == changed
    assert service.primary.questions == 1
    service.hear(newer(changed), 30, ImageDeleted)
    with pytest.raises(ImageNotFound):
        await service.look_up(image)
    service.primary.is_there = False
    with pytest.raises(Unavailable):
        await service.look_up(samples.image())


async def test_without_a_replica_memory_and_the_primary_answer(service):
    """The primary a few questions at a time; the others are refused."""
    image, other = samples.image(), samples.image()
    service.commit(image, 10)
    await service.replay()
    await service.look_up(image)
    service.replica.is_there = False
    service.commit(other, 20)
    assert await service.look_up(image) == image
    assert await service.look_up(other) == other

    async def stuck(image_id):
        await asyncio.sleep(60)

    service.primary.select_image = stuck
    taken = asyncio.create_task(service.look_up(other))
    await asyncio.sleep(0.01)
    with pytest.raises(Unavailable):
        await service.look_up(other)
    taken.cancel()


async def test_a_private_image_is_its_owners_alone(service):
    """To everyone else it does not exist; nor does one that is in the trash, to anyone."""
    owner = Principal(samples.image().id)
    image = samples.image(visibility=Visibility.PRIVATE, owner_id=owner.user_id)
    service.hear(image, 10)
    assert await service.look_up(image, principal=owner) == image
    with pytest.raises(ImageNotFound):
        await service.look_up(image)
    admin = Principal(scopes=frozenset(Scope))
    assert await service.look_up(image, principal=admin) == image
    service.hear(newer(image, trashed_at=NOON), 20)
    with pytest.raises(ImageNotFound):
        await service.look_up(image, principal=owner)


@pytest.mark.parametrize("replays", [False, True])
async def test_what_was_restored_is_there_again_at_once(service, replays):
    """Though a moment ago it was not, and that was remembered; with a token also where nobody has heard of it."""
    image = samples.image()
    trashed = newer(image, trashed_at=NOON)
    service.hear(trashed, 10, ImageTrashed)
    if replays:
        service.primary.at = 10  # whose catalogue has nothing of what is in the trash
        await service.replay()
    for _ in range(2):
        with pytest.raises(ImageNotFound):
            await service.look_up(image)
    restored = newer(trashed, trashed_at=None)
    service.commit(restored, 20)
    assert await service.look_up(image, token_of(restored, 20)) == restored
    service.hear(restored, 20, ImageRestored)
    service.hear(trashed, 21, ImageTrashed)
    assert await service.look_up(image) == restored
    await service.replay()
    assert await service.look_up(image) == restored


async def test_a_hidden_image_takes_the_way_of_an_absent_one(service):
    """The base is asked for it, in vain, once in a second, however well it is remembered here."""
    owner = Principal(samples.image().id)
    image = samples.image(visibility=Visibility.PRIVATE, owner_id=owner.user_id)
    service.commit(image, 10)
    await service.replay()
    assert await service.look_up(image, principal=owner) == image
    absent = samples.image()
    for hidden in (image, absent):
        before = service.replica.questions
        for _ in range(3):
            with pytest.raises(ImageNotFound):
                await service.look_up(hidden)
        assert service.replica.questions == before + 1
    service.replica.is_there = False
    service.memory._hidden.clear()
    with pytest.raises(ImageNotFound):
        await service.look_up(image)


async def test_a_link_that_holds_opens_a_private_image(service):
    """It is judged by the link epoch that the image has now."""
    image = samples.image(visibility=Visibility.PRIVATE, owner_id=samples.image().id, link_epoch=7)
    service.hear(image, 10)
    asking = Asking(ANONYMOUS, link=Link("/x", 1, "k", "s"))

    async def look() -> object:
        return await look_up(str(image.id), asking, sources=service.sources, opens=lambda _, epoch: epoch == 7)

    assert (await look()).image == image
    service.hear(newer(image, link_epoch=8), 20)
    with pytest.raises(ImageNotFound):
        await look()


async def test_an_id_that_is_none_is_not_found(service):
    """As if it were one."""
    with pytest.raises(ImageNotFound):
        await look_up("upload", Asking(ANONYMOUS), sources=service.sources, opens=lambda *_: True)
