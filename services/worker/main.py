"""The worker's composition root: opens the rooms in order, binds them to the use cases, works.

Run as `python -m services.worker.main`; run as many as the work needs. Its HTTP side is health and metrics only.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import TypeAlias, TypeVar

import uuid_utils.compat
from litestar.types import ASGIApp

from contracts import subjects
from contracts.events import Event, ImageEvent
from contracts.images import Blob, Failure
from contracts.subjects import Consumer
from infrastructure import env
from infrastructure.cdn.config import CdnConfig
from infrastructure.cdn.open import open_cdn
from infrastructure.cdn.purger import Purger
from infrastructure.imaging.config import FenceConfig
from infrastructure.imaging.fence import Fence, open_fence
from infrastructure.imaging.rendered import Rendered, Undecodable
from infrastructure.nats.config import NatsConfig
from infrastructure.nats.connection import Connection, open_nats
from infrastructure.nats.delivery import Delivery
from infrastructure.nats.place import stream_place
from infrastructure.nats.publisher import Publisher
from infrastructure.nats.subscription import Handle, Outcome, consume
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
from services.worker.care.clear import clear
from services.worker.care.measure import keep_measuring
from services.worker.care.rebalance import Hands
from services.worker.care.scrub import Verify, keep_scrubbing
from services.worker.care.sweep import Sweeper
from services.worker.config import WorkerConfig
from services.worker.derive import OneAtATime, derive, give_up
from services.worker.discard import keep_discarding
from services.worker.erase import erase, leave_behind
from services.worker.expire import keep_expiring
from services.worker.forget_keys import keep_forgetting_keys
from services.worker.pace import Pace
from services.worker.ports import OutboxRow, Publish, Render
from services.worker.purge import leave_cached, purge
from services.worker.quarantine import quarantine
from services.worker.relay import keep_relaying
from services.worker.rerender import keep_rerendering
from services.worker.tidy import keep_tidying
from services.worker.tidy_people import keep_tidying_people

T = TypeVar("T")
Part: TypeAlias = AbstractAsyncContextManager[None]
Tell: TypeAlias = Callable[[Event], Awaitable[None]]

PURGES = 16
"""Events in hand at once of which caches before the gateway are told: they share calls."""

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
        cdn = await rooms.enter_async_context(open_cdn(env.read(CdnConfig)))
        consumers = tuple(each for each in subjects.CONSUMERS if cdn or each is not subjects.PURGE)
        nats = await rooms.enter_async_context(open_nats(env.read(NatsConfig), consumers=consumers))
        await rooms.enter_async_context(
            follow(nats, lambda heard: shards.hear(heard.event), types=SHARD_EVENTS, within=1.0, required=False)
        )
        fence = await rooms.enter_async_context(open_fence(env.read(FenceConfig)))
        work = Work(config, primary, storage, nats, fence, cdn)
        for running in (work.consumers(), work.deliveries(), work.housekeeping()):
            for part in running:
                await rooms.enter_async_context(part)
        await rooms.enter_async_context(background(damage.run(Publisher(nats).hint)))

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


class Work:
    """Everything that a worker does, bound to the rooms, as parts that are to be entered one after another."""

    def __init__(  # noqa: PLR0917 - the rooms, in the order in which they are opened
        self,
        config: WorkerConfig,
        primary: Primary,
        storage: Storage,
        nats: Connection,
        fence: Fence,
        cdn: Purger | None,
    ) -> None:
        self._config = config
        self._primary = primary
        self._storage = storage
        self._nats = nats
        self._fence = fence
        self._cdn = cdn
        self._on_primary = partial(_on_primary, primary)
        self._ledger = self._on_primary(Ledger)
        self._shelf = self._on_primary(Quarantine)
        self._outbox = Outbox(primary)
        self._care = Care(config, env.read(StorageConfig).copies, primary, storage)

    def consumers(self) -> Iterator[Part]:
        """Whatever is done because an event says so."""
        config, ledger = self._config, self._ledger
        making = partial(
            derive,
            blobs=OneAtATime(),
            objects=self._storage.objects,
            render=_renderer(self._fence, urgent=True),
            ledger=ledger,
            clear=partial(clear, copies=self._storage.copies, placements=Placements(self._primary), clock=utc_now),
            timer=time.monotonic,
            sleep=asyncio.sleep,
        )
        erasing = partial(erase, grace=timedelta(seconds=config.erase_grace), ledger=ledger, clock=utc_now)
        yield self._consume(
            subjects.DERIVE, _done_after(making), config.derive_concurrency, _told(partial(give_up, ledger=ledger))
        )
        yield self._consume(subjects.ERASE, _done_after(erasing), config.erase_concurrency, _told(leave_behind))
        yield self._consume(subjects.REPAIR, self._care.repair, 1, _say_nothing)
        if self._cdn:
            yield self._consume(subjects.PURGE, _purging(self._cdn), PURGES, _told(leave_cached))

    def deliveries(self) -> Iterator[Part]:
        """Events on their way from the outbox to the stream, and the beat by which replicas' lag is measured."""
        wake = asyncio.Event()
        yield background(self._outbox.listen(wake.set))
        yield background(keep_relaying(wake, outbox=self._outbox, publish=_publisher(self._nats), keeper=self._shelf))
        place = partial(stream_place, self._nats)
        yield background(keep_beating(heartbeat=Heartbeat(self._primary), place=place))

    def housekeeping(self) -> Iterator[Part]:
        """What comes round by itself."""
        config, primary, objects = self._config, self._primary, self._storage.objects
        yield background(keep_discarding(discarded=Discarded(primary), objects=objects, clock=utc_now))
        keep_keys = timedelta(seconds=config.keep_keys)
        yield background(keep_forgetting_keys(keep_keys, keys=IdempotencyKeys(primary), clock=utc_now))
        tidying = partial(keep_tidying, outbox=self._outbox, shelf=self._shelf, clock=utc_now)
        keep, after = timedelta(seconds=config.keep_published), timedelta(seconds=config.reconcile_after)
        max_age = timedelta(seconds=config.max_age)
        yield background(tidying(keep, after, max_age, reconciler=self._on_primary(Reconciler)))
        people = partial(
            keep_tidying_people,
            departures=self._on_primary(Departures),
            credentials=self._on_primary(Credentials),
            audit=AuditLog(primary),
            clock=utc_now,
        )
        trash = timedelta(seconds=config.trash)
        yield background(keep_expiring(trash, expirations=self._ledger, clock=utc_now))
        yield background(people(timedelta(seconds=config.keep_audit)))
        yield background(self._care.keep_scrubbing())
        yield background(self._care.keep_sweeping())
        yield background(self._care.keep_measuring())
        anew = partial(keep_rerendering, objects=objects, render=_renderer(self._fence, urgent=False))
        yield background(anew(config.rerender_share, rerenders=self._on_primary(Rerenders)))

    def _consume(self, consumer: Consumer, handle: Handle, concurrency: int, tell: Tell) -> Part:
        on_given_up = partial(quarantine, keeper=self._shelf, tell=tell)
        return consume(self._nats, consumer, handle, concurrency=concurrency, on_given_up=on_given_up, grace=GRACE)


def _on_primary(primary: Primary, kind: Callable[..., T]) -> T:
    """What writes with times and ids of ours."""
    return kind(primary, clock=utc_now, new_id=uuid_utils.compat.uuid7)


class Care:
    """The loops that look after copies, bound to the rooms."""

    def __init__(self, config: WorkerConfig, copies: int, primary: Primary, storage: Storage) -> None:
        self._storage = storage
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

    async def keep_measuring(self) -> None:
        """Until cancelled."""
        await keep_measuring(placements=self._placements, listed=lambda: self._storage.listed, timer=time.monotonic)

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


def _done_after(use_case: Callable[[ImageEvent], Awaitable[None]]) -> Handle:
    """A handler whose event is done when the use case returns; what it raises is for the subscription to judge."""

    async def handle(delivery: Delivery) -> Outcome:
        await use_case(_of_image(delivery.event))
        return Outcome.DONE

    return handle


def _purging(cdn: Purger) -> Handle:
    async def handle(delivery: Delivery) -> Outcome:
        is_all = await purge(_of_image(delivery.event), delivery.attempt, forget=cdn.purge)
        return Outcome.DONE if is_all else Outcome.LATER

    return handle


def _told(use_case: Callable[[ImageEvent], Awaitable[None]]) -> Tell:
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
