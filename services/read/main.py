"""A read service's composition root: opens the rooms in order, binds them to the use cases, serves.

Run as `python -m services.read.main`; run as many as the load needs.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from uuid import UUID

import msgspec
import uuid_utils.compat
from litestar.types import ASGIApp

from contracts.errors import Unavailable
from contracts.events import Event, decode
from infrastructure import env
from infrastructure.imaging.placeholder import placeholder_png
from infrastructure.nats.config import NatsConfig
from infrastructure.nats.connection import Connection, open_nats
from infrastructure.nats.delivery import Delivery
from infrastructure.nats.lease import Lease, open_lease
from infrastructure.nats.publisher import Publisher
from infrastructure.nats.tail import follow
from infrastructure.postgres.catalogue import Catalogue
from infrastructure.postgres.config import PrimaryConfig, ReplicaConfig
from infrastructure.postgres.credentials import Credentials
from infrastructure.postgres.keyring import Keyring
from infrastructure.postgres.outbox import Outbox
from infrastructure.postgres.primary import Primary, open_primary
from infrastructure.postgres.replica import Replica, open_replica
from infrastructure.postgres.shards import newer_than
from infrastructure.redis.cache import ViewCache
from infrastructure.redis.client import open_client
from infrastructure.redis.config import RedisConfig
from infrastructure.redis.limiter import Limiter
from infrastructure.storage.config import StorageConfig
from infrastructure.storage.open import Storage, open_storage
from infrastructure.telemetry import metrics
from services.read.access import Opens
from services.read.base import Base
from services.read.config import ReadConfig
from services.read.credentials import CredentialSources, RecentCredentials, find_credential
from services.read.explain import explain
from services.read.fetch import Budget, fetch
from services.read.follow import Follower
from services.read.http.accounts import AccountCases
from services.read.http.app import routes
from services.read.list_images import list_images
from services.read.look_up import Sources, look_up
from services.read.memory import Memory, Remembered
from services.read.overlay import Overlay
from services.read.recent import RecentImages
from services.read.show_account import list_keys, show_account, show_stats
from services.shared.apps import observed_app
from services.shared.bounds import Bounds
from services.shared.clock import utc_now
from services.shared.damage import DamageReporter
from services.shared.health import Dependency, holds
from services.shared.links import PURPOSE, Links
from services.shared.principals import Identify, identifier, located
from services.shared.public import PublicConfig
from services.shared.rates import RateConfig
from services.shared.running import ProcessConfig, background, run
from services.shared.secret_keys import SecretsConfig, SigningKeys
from services.shared.shards import ShardFollower, following
from services.shared.throttle import throttled, throttles
from services.shared.usage import UsageLog

LEASE_WITHIN = 5.0
"""Seconds that the start waits for the first lease: until then the primary is asked for everything."""

MAX_UNSENT = 5000
"""Events that are heard past the stream at most."""


@asynccontextmanager
async def open_app() -> AsyncIterator[ASGIApp]:
    """The application, with everything that it stands on open for as long as the block runs."""
    config = env.read(ReadConfig)
    async with AsyncExitStack() as rooms:
        replica = await rooms.enter_async_context(open_replica(env.read(ReplicaConfig), first=config.replica))
        primary = await rooms.enter_async_context(open_primary(_for_reads(config), required=False))
        redis = env.read(RedisConfig)
        client = await rooms.enter_async_context(open_client(redis))
        shared = ViewCache(client, redis.prefix)
        rates = throttles(env.read(RateConfig), limiter=Limiter(client, redis.prefix), clock=time.monotonic)
        damage = DamageReporter(now=utc_now, new_id=uuid_utils.compat.uuid7, clock=time.monotonic)
        storage, shards = await rooms.enter_async_context(_sharded(replica, damage))

        memory = Memory(config.memory_bytes, config.cache_ttl, clock=time.monotonic)
        overlay: Overlay[UUID, Remembered] = Overlay(config.overlay_bytes)
        metrics.overlay_entries.set_function(lambda: len(overlay))
        metrics.overlay_evicted.set_function(lambda: overlay.evicted)
        origin = env.read(PublicConfig).origin
        recents = (
            RecentImages(overlay, memory, origin),
            RecentCredentials(config.credential_bytes, clock=time.monotonic),
        )
        base = await rooms.enter_async_context(_based(config, replica, primary, recents))
        unsent = partial(_unsent, primary)
        follower = Follower(recents, unsent=unsent, index=base.index, look=lambda: base.last_look)
        nats, lease = await rooms.enter_async_context(_attached(follower, shards.hear, base))
        await rooms.enter_async_context(background(damage.run(Publisher(nats).hint)))

        sources = Sources(memory, overlay, shared, base, lease, config.cache_ttl, utc_now, origin)
        keyrings = Keyring(replica), Keyring(primary)
        identify = await rooms.enter_async_context(
            _identifying(CredentialSources(recents[1], *keyrings, base, lease), primary)
        )
        yield observed_app(
            routes(
                identify=throttled(located(identify), rates.reads),
                accounts=_account_cases(*keyrings, base),
                look_up=partial(look_up, sources=sources, opens=_opener()),
                list_images=partial(list_images, sources=sources),
                fetch=partial(fetch, objects=storage.objects, budget=Budget(config.fetch_memory)),
                explain=partial(explain, sources=sources),
                draw_placeholder=placeholder_png,
                max_age=config.max_age,
                clock=utc_now,
                dependencies=_dependencies(replica, base, shared, nats, lease),
                storage=storage,
            )
        )


@asynccontextmanager
async def _sharded(replica: Replica, damage: DamageReporter) -> AsyncIterator[tuple[Storage, ShardFollower]]:
    """The storage, with the list of shards as the replica has it, and what keeps the two in step."""
    newer = partial(newer_than, fetch=replica.fetch)
    config, first = env.read(StorageConfig), await newer(0)
    async with (
        open_storage(config, first, reads_only=True, on_bad=damage.bad) as storage,
        following(newer, storage) as shards,
    ):
        yield storage, shards


@asynccontextmanager
async def _based(
    config: ReadConfig, replica: Replica, primary: Primary, recents: tuple[RecentImages, RecentCredentials]
) -> AsyncIterator[Base]:
    """The replica in use and the primary behind it, looked at all the time."""

    def settle(position: int) -> None:
        for recent in recents:
            recent.settle(position)

    base = Base(
        replica=replica,
        rows=Catalogue(replica),
        primary=primary,
        primary_rows=Catalogue(primary),
        budget=config.primary_budget,
        lag_bound=env.read(Bounds).lag_bound,
        settle=settle,
    )
    await base.look()
    async with background(base.keep_looking()), background(base.keep_sampling()):
        yield base


@asynccontextmanager
async def _identifying(sources: CredentialSources, primary: Primary) -> AsyncIterator[Identify]:
    """Identifies requests by their tokens, and records now and then when those were used."""
    usage = UsageLog()
    touch = Credentials(primary, clock=utc_now, new_id=uuid_utils.compat.uuid7).touch
    async with background(usage.keep_telling(touch)):
        yield identifier(partial(find_credential, sources=sources), usage=usage, clock=utc_now)


def _account_cases(keyring: Keyring, primary_keyring: Keyring, base: Base) -> AccountCases:
    return AccountCases(
        show_account=partial(show_account, keyring=keyring, primary_keyring=primary_keyring, base=base),
        list_keys=partial(list_keys, keyring=keyring, primary_keyring=primary_keyring, base=base),
        show_stats=partial(show_stats, keyring=keyring, primary_keyring=primary_keyring, base=base),
    )


def _opener() -> Opens:
    links = Links(SigningKeys(env.read(SecretsConfig), PURPOSE))
    return lambda link, epoch: links.holds(link, epoch, utc_now())


def _for_reads(config: ReadConfig) -> PrimaryConfig:
    """A few connections, one of them for questions about the log, and the deadlines of reads."""
    deadlines = env.read(ReplicaConfig)
    return msgspec.structs.replace(
        env.read(PrimaryConfig),
        pool_size=config.primary_budget + 1,
        connect_timeout=deadlines.connect_timeout,
        lock_timeout=deadlines.read_timeout / 2,
        statement_timeout=deadlines.read_timeout,
    )


@asynccontextmanager
async def _attached(
    follower: Follower, also: Callable[[Event], None], base: Base
) -> AsyncIterator[tuple[Connection, Lease]]:
    """Follows the stream and holds a lease as soon as both can be had; waits a little for it, and begins without."""
    lease: Lease | None = None
    process = env.read(ProcessConfig)

    def hear(delivery: Delivery) -> None:
        follower.hear(delivery.event, delivery.lsn)
        if lease is not None:
            lease.acknowledge(delivery)
        base.news.tell()
        also(delivery.event)

    def doubt() -> None:
        follower.doubt()
        if lease is not None:
            lease.drop()

    async with AsyncExitStack() as rooms:
        nats = await rooms.enter_async_context(
            open_nats(env.read(NatsConfig), consumers=(), within=1.0, required=False)
        )
        tail = await rooms.enter_async_context(
            follow(nats, hear, on_gap=doubt, place=follower.place, within=1.0, required=False)
        )
        lease = await rooms.enter_async_context(
            open_lease(
                nats,
                tail,
                address=process.address,
                ready=lambda: True,  # what was missed is made good by catching up, before a lease is believed
                hear_unsent=follower.catch_up,
            )
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(LEASE_WITHIN if nats.is_connected else 0.0):
                while not lease.is_held:  # noqa: ASYNC110 - nothing tells when it is
                    await asyncio.sleep(0.01)
        yield nats, lease


async def _unsent(primary: Primary) -> list[tuple[Event, str]]:
    """The events that were committed and not sent. Only the primary knows them: a replica may lack the last ones.

    Raises `Unavailable`, also when there are more than can be heard at once: the relay has to send some first.
    """
    unsent = await Outbox(primary).peek(MAX_UNSENT)
    if len(unsent) == MAX_UNSENT:
        raise Unavailable
    return [(decode(row.payload), row.lsn) for row in unsent]


def _dependencies(
    replica: Replica, base: Base, shared: ViewCache, nats: Connection, lease: Lease
) -> tuple[Dependency, ...]:
    """What health looks at. Only without any replica and without the primary can nothing be answered."""
    return (
        Dependency("postgres", base.ping),
        *(
            Dependency(f"postgres replica {n}", partial(replica.check, address), essential=False)
            for n, address in enumerate(replica.addresses, start=1)
        ),
        Dependency("postgres primary", base.index, essential=False),
        Dependency("replica lag", holds(lambda: base.is_near), essential=False),
        Dependency("redis", shared.ping, essential=False),
        Dependency("nats", holds(lambda: nats.is_connected), essential=False),
        Dependency("lease", holds(lambda: lease.is_held), essential=False),
    )


if __name__ == "__main__":
    run(open_app)
