"""Events leave the outbox once, whoever claims them and whatever happens to the claimer."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from msgspec.structs import replace

from contracts.errors import Unavailable
from contracts.events import decode
from contracts.images import Failure
from infrastructure.postgres import outbox as outbox_module
from infrastructure.postgres.ledger import Ledger
from infrastructure.postgres.outbox import Outbox
from infrastructure.postgres.primary import Primary, open_primary
from tests.component.postgres.images import plain_image
from tests.component.postgres.proxy import Proxy
from tests.component.postgres.steps import patient
from tests.eventually import eventually


async def upload(ledger: Ledger, count: int = 1):
    """Images, each with its event in the outbox."""
    images = [plain_image() for _ in range(count)]
    for image in images:
        await ledger.insert(image, delete_token_hash=None)
    return images


async def claimed(outbox: Outbox, limit: int = 100):
    """The images whose events can be claimed at the moment, in order."""
    async with outbox.claim(limit) as batch:
        return [row.subject_id for row in batch.rows]


async def test_claim_gives_events_in_their_order(ledger, outbox):
    """The oldest events come first, no more than asked for, each with what the stream needs."""
    images = await upload(ledger, 3)
    async with outbox.claim(2) as batch:
        first, second = batch.rows
    assert [first.subject_id, second.subject_id] == [images[0].id, images[1].id]
    event = decode(first.payload)
    assert (first.id, first.version, first.type) == (event.id, 1, "image.uploaded.v1")
    assert event.image == images[0]


async def test_looking_claims_nothing(ledger, outbox):
    """Whoever looks sees what others are just publishing, and keeps nobody from it; what was marked it does not see."""
    first, second, third = await upload(ledger, 3)
    async with outbox.claim(2) as batch:
        assert [row.subject_id for row in await outbox.peek(10)] == [first.id, second.id, third.id]
        await batch.mark_published([batch.rows[0].id])
    (row,) = await outbox.peek(1)
    assert row.subject_id == second.id
    assert await claimed(outbox) == [second.id, third.id]


async def test_position_is_not_before_the_commit(ledger, outbox, psql):
    """The position of a claimed event is at or behind the one its change was answered with."""
    image = plain_image()
    committed = await ledger.insert(image, delete_token_hash=None)
    async with outbox.claim(1) as batch:
        (row,) = batch.rows
    assert await psql.fetchval("SELECT $1::text::pg_lsn >= $2::text::pg_lsn", row.lsn, committed.lsn)


async def test_marked_events_are_gone_and_others_come_back(ledger, outbox):
    """What was marked is not claimed again, and what wasn't is."""
    images = await upload(ledger, 3)
    assert await outbox.pending() == 3
    async with outbox.claim(10) as batch:
        await batch.mark_published([batch.rows[0].id, batch.rows[2].id])
    assert await claimed(outbox) == [images[1].id]
    assert await outbox.pending() == 1


async def test_what_is_set_aside_is_claimed_no_more(ledger, outbox):
    """It waits for nothing, and goes when it is old; until then it counts as not being in the stream."""
    first, second = await upload(ledger, 2)
    async with outbox.claim(10) as batch:
        await batch.set_aside([batch.rows[0].id])
    assert await claimed(outbox) == [second.id]
    assert await outbox.pending() == 1
    assert [row.subject_id for row in await outbox.peek(10)] == [first.id, second.id]
    assert await outbox.prune(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert await outbox.prune(datetime.now(UTC) + timedelta(hours=1)) == 1
    assert [row.subject_id for row in await outbox.peek(10)] == [second.id]


async def test_marks_are_undone_when_the_block_raises(ledger, outbox):
    """A claimer that fails gives everything back, also what it had marked."""
    images = await upload(ledger, 2)

    async def fail() -> None:
        async with outbox.claim(10) as batch:
            await batch.mark_published([row.id for row in batch.rows])
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await claimed(outbox) == [image.id for image in images]


async def test_claims_never_overlap(ledger, outbox):
    """Events that one claimer holds are passed over by the next, without waiting."""
    images = await upload(ledger, 5)
    async with outbox.claim(2) as first, outbox.claim(10) as second:
        assert [row.subject_id for row in first.rows] == [image.id for image in images[:2]]
        assert [row.subject_id for row in second.rows] == [image.id for image in images[2:]]
        assert await claimed(outbox) == []


async def test_claimers_at_work_share_everything_once(ledger, outbox):
    """Four relays at once publish each event exactly once."""
    images = await upload(ledger, 60)
    published: Counter = Counter()

    async def relay() -> None:
        while True:
            async with outbox.claim(7) as batch:
                if not batch.rows:
                    return
                published.update(row.subject_id for row in batch.rows)
                await batch.mark_published([row.id for row in batch.rows])

    while await outbox.pending():
        await asyncio.gather(*(relay() for _ in range(4)))
    assert published == Counter(image.id for image in images)


async def test_dead_claimer_gives_its_events_back(address, ledger, outbox):
    """When a claimer's connection breaks its events are free at once, marked ones too."""
    images = await upload(ledger, 2)
    async with Proxy(address).listening() as proxy:

        async def die() -> None:
            async with open_primary(patient(proxy.address)) as primary, Outbox(primary).claim(2) as batch:
                await batch.mark_published([row.id for row in batch.rows])
                assert await claimed(outbox) == []
                proxy.cut()

        with pytest.raises(Unavailable):
            await die()

    async def free() -> None:
        assert await claimed(outbox) == [image.id for image in images]

    await eventually(free)


async def test_standing_claimer_loses_its_events(ledger, address, outbox):
    """A claimer that stands still for longer than a transaction may idle loses its claim, and is told at the end."""
    images = await upload(ledger, 1)

    async def stand_still() -> None:
        config = patient(address, idle_transaction_timeout=0.1)
        async with open_primary(config) as primary, Outbox(primary).claim(1) as batch:
            assert batch.rows

            async def free() -> None:
                assert await claimed(outbox) == [images[0].id]

            await eventually(free)

    with pytest.raises(Unavailable):
        await stand_still()


class Listener:
    """Listens in a task and counts the calls."""

    def __init__(self, outbox: Outbox) -> None:
        self.calls = 0
        self._task = asyncio.create_task(outbox.listen(self._wake))

    def _wake(self) -> None:
        self.calls += 1

    async def called(self, *, after: int) -> None:
        """Returns when there were more calls than `after`."""

        def more() -> None:
            assert self.calls > after

        await eventually(more)

    async def stop(self) -> None:
        """Cancels the task and waits for its end."""
        self._task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self._task


@pytest.fixture
async def listener(outbox):
    """Somebody who listens and has begun to."""
    listener = Listener(outbox)
    await listener.called(after=0)
    yield listener
    await listener.stop()


async def test_each_change_wakes(ledger, listener):
    """An upload, a change and a result each wake whoever listens."""
    (image,) = await upload(ledger)
    await listener.called(after=1)
    calls = listener.calls
    await ledger.update(image.id, lambda stored: stored.image)
    await listener.called(after=calls)
    calls = listener.calls
    await ledger.record_ready(
        image.blob.id, derivatives=(), placeholder=None, dominant_color=None, perceptual_hash=None
    )
    await listener.called(after=calls)


async def test_listening_goes_on_after_its_connection_was_ended(ledger, listener, psql):
    """A listener whose connection is ended wakes, because it may have missed something, and listens again."""
    calls = listener.calls
    await psql.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    )
    await listener.called(after=calls)
    calls = listener.calls
    await upload(ledger)
    await listener.called(after=calls)


async def test_listening_leaves_no_connection_behind(primary, outbox):
    """Whoever stops listening gives the connection up."""
    listener = Listener(outbox)
    await listener.called(after=0)
    assert primary.connections_in_use == 1
    await listener.stop()
    assert primary.connections_in_use == 0


async def test_listening_survives_a_restart(cluster, clock):
    """A listener finds a server that was down for a while, and events wake it again."""
    async with open_primary(patient(cluster.primary.address)) as primary:
        listener = Listener(Outbox(primary))
        await listener.called(after=0)
        calls = listener.calls
        cluster.primary.stop()
        with pytest.raises(Unavailable):
            await primary.ping()
        cluster.primary.start()
        await listener.called(after=calls)
        calls = listener.calls
        await upload(Ledger(primary, clock=clock, new_id=uuid4))
        await listener.called(after=calls)
        await listener.stop()


async def test_silent_listening_connection_is_found_out(cluster, monkeypatch):
    """A server that hangs without closing anything is noticed by asking it, and listened to again later."""
    monkeypatch.setattr(outbox_module, "PING_INTERVAL", 0.05)
    async with open_primary(patient(cluster.primary.address, lock_timeout=0.5, statement_timeout=1.0)) as primary:
        listener = Listener(Outbox(primary))
        await listener.called(after=0)
        calls = listener.calls
        cluster.primary.hang()
        try:
            await eventually(lambda: given_up(primary))
        finally:
            cluster.primary.resume()
        await listener.called(after=calls)
        await listener.stop()


def given_up(primary: Primary) -> None:
    """Asserts that nobody holds a connection."""
    assert primary.connections_in_use == 0


async def test_pruning_deletes_what_was_published_before(ledger, outbox, psql, monkeypatch):
    """Old published events go, in small portions; unpublished and recent ones stay."""
    monkeypatch.setattr(outbox_module, "PRUNE_ROWS", 2)
    for image in await upload(ledger, 7):
        await ledger.record_failed(image.blob.id, Failure("RENDER_FAILED", "no"), for_good=True)
    await psql.execute("DELETE FROM outbox WHERE type = 'image.failed.v1'")
    async with outbox.claim(6) as batch:
        await batch.mark_published([row.id for row in batch.rows])
    await psql.execute(
        "UPDATE outbox SET published_at = published_at - interval '1 day' WHERE id = any($1::uuid[])",
        [row.id for row in batch.rows[:5]],
    )
    assert await outbox.prune(datetime.now(UTC) - timedelta(hours=1)) == 5
    assert await psql.fetchval("SELECT count(*) FROM outbox") == 2
    assert await outbox.pending() == 1


async def test_deleted_images_keep_their_events(ledger, outbox):
    """An event waits to be published even when the rows it tells of are gone."""
    (image,) = await upload(ledger)
    await ledger.delete(image.id, lambda _: None)
    await ledger.erase(image.id, image.blob.id, datetime.now(UTC))
    assert await claimed(outbox) == [image.id, image.id]


async def test_events_of_one_time_are_ordered_by_id(primary, outbox):
    """Events that bear the same time come in the order of their ids."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    ids = iter(sorted(uuid4() for _ in range(12)))  # of events, and of entries in the audit log
    ledger = Ledger(primary, clock=lambda: now, new_id=lambda: next(ids))
    images = [replace(plain_image(), created_at=now) for _ in range(3)]
    for image in images:
        await ledger.insert(image, delete_token_hash=None)
    assert await claimed(outbox) == [image.id for image in images]
