"""Opens the room: connects the shards, proves them and puts them together."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
from aiobotocore.httpsession import AIOHTTPSession

from contracts.errors import Unavailable
from infrastructure.env import ConfigError
from infrastructure.storage.breaker import POLICY, Breaker, Policy, State
from infrastructure.storage.config import DEADLINES, Address, Bucket, Deadlines, StorageConfig, addresses
from infrastructure.storage.delivery import LIFETIME, Locator
from infrastructure.storage.files import DirectoryShard
from infrastructure.storage.objects import PATIENCE, Objects, Patience
from infrastructure.storage.ring import Ring
from infrastructure.storage.s3 import BucketShard
from infrastructure.storage.session import open_session
from infrastructure.storage.shard import Shard, ShardFailed, ShardMisconfigured
from infrastructure.storage.sign import Signer
from infrastructure.storage.watch import Watch
from infrastructure.telemetry import metrics

logger = logging.getLogger(__name__)

_CALL_LIFETIME = 900
"""Seconds: how far a server's clock may differ from ours, as with signed headers."""


class Storage(msgspec.Struct, frozen=True):
    """The open room: `objects` moves bytes, `locator` says where nginx finds them."""

    objects: Objects
    locator: Locator
    shards: dict[str, Shard]
    ring: Ring


@asynccontextmanager
async def open_storage(
    config: StorageConfig,
    *,
    reads_only: bool = False,
    deadlines: Deadlines = DEADLINES,
    patience: Patience = PATIENCE,
    policy: Policy = POLICY,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Storage]:
    """Connects to every shard and proves it.

    Raises `ConfigError` for a missing bucket or directory and for refused keys, naming the shard,
    and `Unavailable` when fewer shards answer than an upload needs; with `reads_only` the start goes
    on without them. A shard that is silent now is avoided until it answers.
    """
    found = addresses(config)
    async with AsyncExitStack() as stack:
        shards = await _connect(found, config, deadlines, stack)
        breakers = {name: _breaker(name, clock, policy) for name in shards}
        await _prove(shards, breakers, needed=0 if reads_only else config.quorum)
        ring = Ring({address.name: address.weight for address in found})
        logger.info("ring %s: %d shards, %d copies of an object", ring.fingerprint, len(found), config.copies)
        watch = Watch(shards, breakers)
        watching = asyncio.create_task(watch.run())
        stack.push_async_callback(_stop, watching)
        objects = Objects(
            shards,
            breakers,
            ring,
            copies=config.copies,
            quorum=config.quorum,
            patience=patience,
            on_slow=watch.doubt,
        )
        locator = Locator(found, breakers, sign=_presigner(config), clock=clock, on_failed=watch.doubt)
        yield Storage(objects, locator, shards, ring)


async def _connect(
    found: tuple[Address, ...], config: StorageConfig, deadlines: Deadlines, stack: AsyncExitStack
) -> dict[str, Shard]:
    shards: dict[str, Shard] = {}
    sessions: dict[str, AIOHTTPSession] = {}
    signer = Signer(config.access_key, config.secret_key, config.region, tls=config.tls, lifetime=_CALL_LIFETIME)
    for address in found:
        if isinstance(address, Bucket):
            if address.endpoint not in sessions:
                session = open_session(tls=config.tls, deadlines=deadlines)
                sessions[address.endpoint] = await stack.enter_async_context(session)
            http = sessions[address.endpoint]
            shards[address.name] = BucketShard(address, http=http, signer=signer, deadlines=deadlines)
        else:
            directory = DirectoryShard(address, deadlines=deadlines)
            stack.callback(directory.close)
            shards[address.name] = directory
    return shards


def _breaker(name: str, clock: Callable[[], float], policy: Policy) -> Breaker:
    gauge = metrics.shard_state.labels(name)
    gauge.set(1)
    used = True

    def on_change(state: State) -> None:
        nonlocal used
        if used != (state is State.CLOSED):
            used = not used
            gauge.set(used)
            logger.warning("shard %s is %s", name, "used again" if used else "avoided")

    return Breaker(clock=clock, policy=policy, on_change=on_change)


def _presigner(config: StorageConfig) -> Callable[[Bucket, str], str]:
    signer = Signer(config.access_key, config.secret_key, config.region, tls=config.tls, lifetime=LIFETIME)

    def sign(address: Bucket, key: str) -> str:
        return signer.url("GET", address.endpoint, f"/{address.bucket}/{key}").partition("://")[2]

    return sign


async def _prove(shards: Mapping[str, Shard], breakers: Mapping[str, Breaker], *, needed: int) -> None:
    problems = await asyncio.gather(*(_problem(shard) for shard in shards.values()))
    silent = {}
    for name, problem in zip(shards, problems, strict=True):
        if isinstance(problem, ShardMisconfigured):
            raise ConfigError(f"CHITRAM_SHARDS: shard {name}: {problem.reason}")
        if problem is not None:
            silent[name] = problem.reason
            breakers[name].trip()
            logger.warning("shard %s does not answer: %s", name, problem.reason)
    if len(shards) - len(silent) < needed:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in silent.items())
        raise Unavailable(f"uploads need {needed} shards, {len(shards) - len(silent)} answer ({reasons})")


async def _problem(shard: Shard) -> ShardFailed | None:
    try:
        if isinstance(shard, DirectoryShard):
            await shard.prepare()
        await shard.ping()
    except ShardFailed as error:
        return error
    return None


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
