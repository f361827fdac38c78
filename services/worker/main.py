"""The worker's composition root: opens the rooms in order, binds them to the use cases, works.

Run as `python -m services.worker.main`; run as many as the work needs. Its HTTP side is health and metrics only.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

import uuid_utils.compat
from litestar.types import ASGIApp

from contracts import subjects
from contracts.events import Event, ImageEvent
from contracts.images import Blob, Failure
from infrastructure import env
from infrastructure.imaging.config import FenceConfig
from infrastructure.imaging.fence import Fence, open_fence
from infrastructure.imaging.rendered import Rendered, Undecodable
from infrastructure.nats.config import NatsConfig
from infrastructure.nats.connection import Connection, open_nats
from infrastructure.nats.delivery import Delivery
from infrastructure.nats.place import stream_place
from infrastructure.nats.publisher import Publisher
from infrastructure.nats.subscription import Outcome, consume
from infrastructure.nats.tail import follow
from infrastructure.postgres.audit import AuditLog
from infrastructure.postgres.config import PrimaryConfig
from infrastructure.postgres.credentials import Credentials
from infrastructure.postgres.departures import Departures
from infrastructure.postgres.discarded import Discarded
from infrastructure.postgres.heartbeat import Heartbeat
from infrastructure.postgres.idempotency import IdempotencyKeys
from infrastructure.postgres.ledger import Ledger
from infrastructure.postgres.moves import Moves
from infrastructure.postgres.outbox import Outbox
from infrastructure.postgres.placements import Placements
from infrastructure.postgres.primary import Primary, open_primary
from infrastructure.postgres.quarantine import Quarantine
from infrastructure.postgres.reconciler import Reconciler
from infrastructure.postgres.rerenders import Rerenders
from infrastructure.postgres.shards import ShardList
from infrastructure.postgres.walks import Walks
from infrastructure.storage.config import StorageConfig, first_map
from infrastructure.storage.open import Storage, open_storage
from infrastructure.telemetry import metrics
from services.shared.apps import observed_app
from services.shared.clock import utc_now
from services.shared.damage import DamageReporter
from services.shared.health import Dependency, health_routes, holds
from services.shared.running import background, run
from services.shared.shards import SHARD_EVENTS, first_shards, following
from services.worker.beat import keep_beating
from services.worker.config import WorkerConfig
from services.worker.derive import OneAtATime, derive, give_up
from services.worker.discard import keep_discarding
from services.worker.erase import erase, leave_behind
from services.worker.forget_keys import keep_forgetting_keys
from services.worker.pace import Pace
from services.worker.ports import OutboxRow, Publish, Render
from services.worker.quarantine import quarantine
from services.worker.rebalance import Hands
from services.worker.relay import keep_relaying
from services.worker.rerender import keep_rerendering
from services.worker.scrub import Verify, keep_scrubbing
from services.worker.sweep import Sweeper
from services.worker.tidy import keep_tidying
from services.worker.tidy_people import keep_tidying_people

GRACE = 5.0
"""Seconds that events in hand get when the worker ends; what is not finished comes again elsewhere."""


@asynccontextmanager
async def open_app() -> AsyncIterator[ASGIApp]:
    """The application, with everything that it stands on open, and its loops running, for as long as the block runs."""
    config = env.read(WorkerConfig)
    async with AsyncExitStack() as rooms:
        primary = await rooms.enter_async_context(open_primary(env.read(PrimaryConfig)))
        shard_list = ShardList(primary, clock=utc_now, new_id=uuid_utils.compat.uuid7)
        first = await first_shards(partial(first_map, env.read(StorageConfig)), shard_list=shard_list)
        damage = DamageReporter(now=utc_now, new_id=uuid_utils.compat.uuid7, clock=time.monotonic)
        storage = await rooms.enter_async_context(open_storage(env.read(StorageConfig), first, on_bad=damage.bad))
        shards = await rooms.enter_async_context(following(shard_list.newer_than, storage))
        nats = await rooms.enter_async_context(open_nats(env.read(NatsConfig)))
        await rooms.enter_async_context(
            follow(nats, lambda heard: shards.hear(heard.event), types=SHARD_EVENTS, within=1.0, required=False)
        )
        fence = await rooms.enter_async_context(open_fence(env.read(FenceConfig)))
        ledger = Ledger(primary, clock=utc_now, new_id=uuid_utils.compat.uuid7)
        outbox = Outbox(primary)
        shelf = Quarantine(primary, clock=utc_now, new_id=uuid_utils.compat.uuid7)
        reconciler = Reconciler(primary, clock=utc_now, new_id=uuid_utils.compat.uuid7)

        await rooms.enter_async_context(
            consume(
                nats,
                subjects.DERIVE,
                _done_after(
                    partial(
                        derive,
                        blobs=OneAtATime(),
                        objects=storage.objects,
                        render=_renderer(fence, urgent=True),
                        ledger=ledger,
                        timer=time.monotonic,
                        sleep=asyncio.sleep,
                    )
                ),
                concurrency=config.derive_concurrency,
                on_given_up=partial(quarantine, keeper=shelf, tell=_told(partial(give_up, ledger=ledger))),
                grace=GRACE,
            )
        )
        await rooms.enter_async_context(
            consume(
                nats,
                subjects.ERASE,
                _done_after(partial(erase, grace=timedelta(seconds=config.erase_grace), ledger=ledger, clock=utc_now)),
                concurrency=config.erase_concurrency,
                on_given_up=partial(quarantine, keeper=shelf, tell=_told(leave_behind)),
                grace=GRACE,
            )
        )
        wake = asyncio.Event()
        await rooms.enter_async_context(background(outbox.listen(wake.set)))
        await rooms.enter_async_context(background(keep_relaying(wake, outbox=outbox, publish=_publisher(nats))))
        place = partial(stream_place, nats)
        await rooms.enter_async_context(background(keep_beating(heartbeat=Heartbeat(primary), place=place)))
        await rooms.enter_async_context(
            background(keep_discarding(discarded=Discarded(primary), objects=storage.objects, clock=utc_now))
        )
        keep_keys = timedelta(seconds=config.keep_keys)
        await rooms.enter_async_context(
            background(keep_forgetting_keys(keep_keys, keys=IdempotencyKeys(primary), clock=utc_now))
        )
        keep = timedelta(seconds=config.keep_published)
        reconcile_after = timedelta(seconds=config.reconcile_after)
        await rooms.enter_async_context(
            background(
                keep_tidying(keep, reconcile_after, outbox=outbox, shelf=shelf, reconciler=reconciler, clock=utc_now)
            )
        )

        credentials = Credentials(primary, clock=utc_now, new_id=uuid_utils.compat.uuid7)
        people = partial(
            keep_tidying_people,
            departures=Departures(primary, clock=utc_now, new_id=uuid_utils.compat.uuid7),
            credentials=credentials,
            audit=AuditLog(primary),
            clock=utc_now,
        )
        await rooms.enter_async_context(background(people(timedelta(seconds=config.keep_audit))))

        await rooms.enter_async_context(background(damage.run(Publisher(nats).hint)))
        care = Care(config, env.read(StorageConfig).copies, primary, storage)
        await rooms.enter_async_context(
            consume(
                nats,
                subjects.REPAIR,
                care.repair,
                concurrency=1,
                on_given_up=partial(quarantine, keeper=shelf, tell=_say_nothing),
                grace=GRACE,
            )
        )
        await rooms.enter_async_context(background(care.keep_scrubbing()))
        await rooms.enter_async_context(background(care.keep_sweeping()))

        anew = partial(
            keep_rerendering,
            rerenders=Rerenders(primary, clock=utc_now, new_id=uuid_utils.compat.uuid7),
            objects=storage.objects,
            render=_renderer(fence, urgent=False),
        )
        await rooms.enter_async_context(background(anew(config.rerender_share)))

        yield observed_app(
            health_routes(
                "worker",
                (
                    Dependency("postgres primary", primary.ping),
                    Dependency("nats", holds(lambda: nats.is_connected)),
                    Dependency("storage", holds(lambda: storage.objects.is_writable)),
                ),
                storage,
            )
        )


class Care:
    """The loops that look after copies, bound to the rooms."""

    def __init__(self, config: WorkerConfig, copies: int, primary: Primary, storage: Storage) -> None:
        self._placements = Placements(primary)
        self._walks = Walks(primary)
        self._scrub_age = timedelta(seconds=config.scrub_age)
        self._sweeper = Sweeper(
            every=config.sweep_every,
            grace=timedelta(seconds=config.sweep_grace),
            copies=storage.copies,
            placements=self._placements,
            walks=self._walks,
            clock=utc_now,
        )
        moves = Moves(primary, clock=utc_now, new_id=uuid_utils.compat.uuid7)

        grace = timedelta(seconds=config.move_grace)

        def verify(rate: float | None) -> Verify:
            pace = Pace(rate, clock=time.monotonic)
            return Verify(
                placements=self._placements,
                owners=lambda key: storage.ring.owners(key, copies),
                listed=lambda: set(storage.listed),
                hands=Hands(copies=storage.copies, moves=moves, pace=pace, clock=utc_now, grace=grace),
            )

        self._repair = verify(None).repair
        self._verify = verify(config.scrub_rate * 1e6)

    async def repair(self, delivery: Delivery) -> Outcome:
        """What a read found damaged is put right. Raises `Unavailable`."""
        await self._repair(delivery.event.subject_id)
        return Outcome.DONE

    async def keep_scrubbing(self) -> None:
        """Until cancelled."""
        await keep_scrubbing(
            self._scrub_age, placements=self._placements, verify=self._verify, walks=self._walks, clock=utc_now
        )

    async def keep_sweeping(self) -> None:
        """Until cancelled."""
        await self._sweeper.keep_sweeping()


async def _say_nothing(event: Event) -> None:
    """A repair that was given up changes nothing about the image; the scrub comes to it again."""


def _publisher(nats: Connection) -> Publish:
    publisher = Publisher(nats)

    async def publish(row: OutboxRow) -> None:
        await publisher.publish(row.type, row.id, row.payload, row.lsn)

    return publish


def _renderer(fence: Fence, *, urgent: bool) -> Render:
    async def render(data: bytes, blob: Blob, only: tuple[str, ...] = ()) -> Rendered | Failure:
        pixels = blob.width * blob.height
        try:
            rendered = await fence.render(
                data, blob.content_type, pixels=pixels, frames=blob.frames, only=only, urgent=urgent
            )
        except Undecodable as error:
            return Failure(error.code, error.message)
        for variant, seconds in rendered.seconds.items():
            metrics.derivative_seconds.labels(variant).observe(seconds)
        return rendered

    return render


def _done_after(use_case: Callable[[ImageEvent], Awaitable[None]]) -> Callable[[Delivery], Awaitable[Outcome]]:
    """A handler whose event is done when the use case returns; what it raises is for the subscription to judge."""

    async def handle(delivery: Delivery) -> Outcome:
        await use_case(_of_image(delivery.event))
        return Outcome.DONE

    return handle


def _told(use_case: Callable[[ImageEvent], Awaitable[None]]) -> Callable[[Event], Awaitable[None]]:
    async def tell(event: Event) -> None:
        await use_case(_of_image(event))

    return tell


def _of_image(event: Event) -> ImageEvent:
    """The event of a consumer that asks for those of images only."""
    if not isinstance(event, ImageEvent):
        raise TypeError(f"event {event.id} is not about an image")
    return event


if __name__ == "__main__":
    run(open_app)
