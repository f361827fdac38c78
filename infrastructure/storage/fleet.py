"""The shards in use, which may become others while everything goes on."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from aiobotocore.httpsession import AIOHTTPSession

from contracts.shards import Shard as Listed
from contracts.shards import ShardMap, ShardState
from infrastructure.storage.breaker import Breaker, Policy, State
from infrastructure.storage.config import Address, Bucket, Deadlines, StorageConfig, address
from infrastructure.storage.files import DirectoryShard
from infrastructure.storage.ring import Ring
from infrastructure.storage.s3 import BucketShard
from infrastructure.storage.session import open_session
from infrastructure.storage.shard import Shard, ShardFailed
from infrastructure.storage.sign import Signer
from infrastructure.telemetry import metrics

logger = logging.getLogger(__name__)

_CALL_LIFETIME = 900
"""Seconds: how far a server's clock may differ from ours, as with signed headers."""


class Fleet:
    """Connected shards by name, each with its breaker, and the ring of those that take new objects.

    The dictionaries stay the same objects for as long as the fleet lives, so whoever was given one sees changes.
    `shards`, `breakers` and `addresses` have the draining ones too: their objects can be read.
    """

    def __init__(
        self,
        config: StorageConfig,
        stack: AsyncExitStack,
        *,
        deadlines: Deadlines,
        policy: Policy,
        clock: Callable[[], float],
    ) -> None:
        """Empty. What it opens is closed with `stack`."""
        self.version = -1
        self.listed: dict[str, Listed] = {}
        self.shards: dict[str, Shard] = {}
        self.breakers: dict[str, Breaker] = {}
        self.addresses: dict[str, Address] = {}
        self._ring: Ring | None = None
        self._config = config
        self._stack = stack
        self._deadlines = deadlines
        self._policy = policy
        self._clock = clock
        self._sessions: dict[str, AIOHTTPSession] = {}
        self._changing = asyncio.Lock()
        keys = (config.access_key, config.secret_key, config.region)
        self._signer = Signer(*keys, tls=config.tls, lifetime=_CALL_LIFETIME)

    @property
    def ring(self) -> Ring:
        """Where new objects go, as of now."""
        assert self._ring, "no list of shards was ever taken"  # noqa: S101 - `open_storage` takes one first
        return self._ring

    @property
    def active(self) -> list[str]:
        """Names of the shards that take new objects."""
        return [name for name, listed in self.listed.items() if listed.state is ShardState.ACTIVE]

    async def change(self, shards: ShardMap) -> bool:
        """Takes a list of shards, unless the one it has is as new; whether it did.

        A shard that is as it was keeps its connections and its breaker. A new one that does not answer is avoided
        until it does. Raises `ConfigError` for a list that can't be used; then nothing changes.
        """
        async with self._changing:
            if shards.version <= self.version:
                return False
            places = {listed.name: address(listed, tls=self._config.tls) for listed in shards.shards}
            weights = {listed.name: listed.weight for listed in shards.active or shards.shards}
            # In a thread: 64 shards take 0.3 s.
            ring = await asyncio.to_thread(Ring, weights)
            added = [name for name, place in places.items() if self.addresses.get(name) != place]
            opened = {name: await self._open(places[name]) for name in added}
            self._take(shards, ring, places, opened)
        metrics.shards_version.set(shards.version)
        logger.info("ring %s: version %d, %d shards", ring.fingerprint, shards.version, len(shards.shards))
        return True

    def reach(self, name: str) -> tuple[Shard, Breaker]:
        """A shard and its breaker. Raises `ShardFailed` for one that has just been removed."""
        if name not in self.shards:
            raise ShardFailed(name, "is not on the list any more")
        return self.shards[name], self.breakers[name]

    async def examine(self, name: str) -> ShardFailed | None:
        """Asks a shard how it is; one that does not answer is avoided from now on. Gives what was wrong."""
        shard = self.shards[name]
        try:
            if isinstance(shard, DirectoryShard):
                await shard.prepare()
            await shard.ping()
        except ShardFailed as error:
            self.breakers[name].trip()
            return error
        return None

    def _take(self, shards: ShardMap, ring: Ring, places: dict[str, Address], opened: dict[str, Shard]) -> None:
        """Without an await: nobody sees half of it."""
        for name in set(self.addresses) - set(places) | set(opened):
            self._forget(name)
        self.addresses.update(places)
        self.shards.update(opened)
        self.breakers.update({name: self._breaker(name) for name in opened})
        self.listed = {listed.name: listed for listed in shards.shards}
        self._ring = ring
        self.version = shards.version

    def _forget(self, name: str) -> None:
        shard = self.shards.pop(name, None)
        if isinstance(shard, DirectoryShard):
            shard.close()
        if self.breakers.pop(name, None):
            metrics.shard_state.remove(name)
        self.addresses.pop(name, None)

    async def _open(self, place: Address) -> Shard:
        if isinstance(place, Bucket):
            http = await self._session(place.endpoint)
            return BucketShard(place, http=http, signer=self._signer, deadlines=self._deadlines)
        directory = DirectoryShard(place, deadlines=self._deadlines)
        self._stack.callback(directory.close)
        return directory

    async def _session(self, endpoint: str) -> AIOHTTPSession:
        """One for all buckets of a server, kept to the end: an idle one costs nothing."""
        if endpoint not in self._sessions:
            session = open_session(tls=self._config.tls, deadlines=self._deadlines)
            self._sessions[endpoint] = await self._stack.enter_async_context(session)
        return self._sessions[endpoint]

    def _breaker(self, name: str) -> Breaker:
        gauge = metrics.shard_state.labels(name)
        gauge.set(1)
        used = True

        def on_change(state: State) -> None:
            nonlocal used
            if used != (state is State.CLOSED):
                used = not used
                gauge.set(used)
                logger.warning("shard %s is %s", name, "used again" if used else "avoided")

        return Breaker(clock=self._clock, policy=self._policy, on_change=on_change)


@asynccontextmanager
async def open_fleet(
    config: StorageConfig, *, deadlines: Deadlines, policy: Policy, clock: Callable[[], float]
) -> AsyncIterator[Fleet]:
    """A fleet without shards yet; closes what it opens."""
    async with AsyncExitStack() as stack:
        yield Fleet(config, stack, deadlines=deadlines, policy=policy, clock=clock)
