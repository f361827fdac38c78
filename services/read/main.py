"""A read service's composition root: opens the rooms in order, binds them to the use cases, serves.

Run as `python -m services.read.main`; run as many as the load needs.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import uuid_utils.compat
from litestar.types import ASGIApp

from contracts.events import ImageEvent
from infrastructure import env
from infrastructure.imaging.placeholder import placeholder_png
from infrastructure.nats.config import NatsConfig
from infrastructure.nats.connection import open_nats
from infrastructure.nats.delivery import Delivery
from infrastructure.nats.publisher import Publisher
from infrastructure.nats.tail import follow
from infrastructure.postgres.catalogue import Catalogue
from infrastructure.postgres.config import ReplicaConfig
from infrastructure.postgres.primary import check_primary
from infrastructure.postgres.replica import Replica, open_replica
from infrastructure.postgres.shards import newer_than
from infrastructure.redis.cache import ViewCache, open_cache
from infrastructure.redis.config import RedisConfig
from infrastructure.storage.config import StorageConfig
from infrastructure.storage.open import open_storage
from services.read.config import ReadConfig
from services.read.fetch import Budget, fetch
from services.read.flights import Flights
from services.read.follow import Follower
from services.read.http.app import routes
from services.read.list_images import list_images
from services.read.look_up import look_up
from services.read.measure import keep_measuring
from services.read.memory import Memory
from services.read.trust import Trust
from services.shared.apps import observed_app
from services.shared.clock import utc_now
from services.shared.damage import DamageReporter
from services.shared.health import Dependency, holds
from services.shared.running import background, run
from services.shared.shards import following


@asynccontextmanager
async def open_app() -> AsyncIterator[ASGIApp]:
    """The application, with everything that it stands on open for as long as the block runs."""
    config = env.read(ReadConfig)
    async with AsyncExitStack() as rooms:
        replica = await rooms.enter_async_context(open_replica(env.read(ReplicaConfig), first=config.replica))
        await rooms.enter_async_context(background(keep_measuring(replica)))
        shared = await rooms.enter_async_context(open_cache(env.read(RedisConfig)))
        damage = DamageReporter(now=utc_now, new_id=uuid_utils.compat.uuid7, clock=time.monotonic)
        newer = partial(newer_than, fetch=replica.fetch)
        known = await newer(0)
        storage = await rooms.enter_async_context(
            open_storage(env.read(StorageConfig), known, reads_only=True, on_bad=damage.bad)
        )
        shards = await rooms.enter_async_context(following(newer, storage))

        memory = Memory(config.memory_bytes)
        trust = Trust(
            attached=lambda: tail.is_attached,
            told=lambda: follower.has_told_all,
            ttl=config.cache_ttl,
            clock=time.monotonic,
        )
        follower = Follower(memory=memory, shared=shared, on_overflow=trust.restart)

        def doubt() -> None:
            memory.clear()
            trust.restart()

        def hear(delivery: Delivery) -> None:
            if isinstance(delivery.event, ImageEvent):
                follower.hear(delivery.event.image)
            shards.hear(delivery.event)

        nats = await rooms.enter_async_context(
            open_nats(env.read(NatsConfig), consumers=(), on_lost=trust.restart, within=1.0, required=False)
        )
        await rooms.enter_async_context(background(damage.run(Publisher(nats).hint)))
        await rooms.enter_async_context(background(follower.run()))
        tail = await rooms.enter_async_context(follow(nats, hear, on_gap=doubt, within=1.0, required=False))

        catalogue = Catalogue(replica)
        yield observed_app(
            routes(
                look_up=partial(
                    look_up,
                    memory=memory,
                    shared=shared,
                    catalogue=catalogue,
                    trust=trust,
                    flights=Flights(),
                    ttl=config.cache_ttl,
                ),
                list_images=partial(list_images, catalogue=catalogue),
                fetch=partial(fetch, objects=storage.objects, budget=Budget(config.fetch_memory)),
                draw_placeholder=placeholder_png,
                max_age=config.max_age,
                dependencies=_dependencies(config, replica, shared, lambda: tail.is_attached),
                storage=storage,
            )
        )


def _dependencies(
    config: ReadConfig, replica: Replica, shared: ViewCache, attached: Callable[[], bool]
) -> tuple[Dependency, ...]:
    """What health looks at. Only without any replica can nothing be answered."""
    return (
        Dependency("postgres replica", replica.ping),
        *(
            Dependency(f"postgres replica {n}", partial(replica.check, address), essential=False)
            for n, address in enumerate(replica.addresses, start=1)
        ),
        *(
            Dependency("postgres primary", partial(check_primary, address), essential=False)
            for address in (config.primary,)
            if address
        ),
        Dependency("redis", shared.ping, essential=False),
        Dependency("nats", holds(attached), essential=False),
    )


if __name__ == "__main__":
    run(open_app)
