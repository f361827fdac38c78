"""Opens the room: connects the shards, proves them and puts them together."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from contracts.errors import Unavailable
from contracts.shards import Shard as Listed
from contracts.shards import ShardMap, ShardState
from infrastructure.env import ConfigError
from infrastructure.storage.breaker import POLICY, Policy, State
from infrastructure.storage.config import DEADLINES, Deadlines, StorageConfig, check, first_map
from infrastructure.storage.copies import Copies
from infrastructure.storage.fleet import Fleet, open_fleet
from infrastructure.storage.objects import PATIENCE, Objects, Patience
from infrastructure.storage.ring import Ring
from infrastructure.storage.shard import Shard, ShardMisconfigured
from infrastructure.storage.watch import Watch

logger = logging.getLogger(__name__)


class Storage:
    """The open room: `objects` moves bytes, `copies` is for those who look after single copies."""

    def __init__(self, fleet: Fleet, objects: Objects) -> None:
        self._fleet = fleet
        self.objects = objects
        self.copies = Copies(fleet)

    @property
    def shards(self) -> Mapping[str, Shard]:
        """All connected shards by name, the draining ones too; follows changes."""
        return self._fleet.shards

    @property
    def listed(self) -> Mapping[str, Listed]:
        """What the list in use says of each."""
        return self._fleet.listed

    @property
    def ring(self) -> Ring:
        """Where new objects go, as of now."""
        return self._fleet.ring

    @property
    def version(self) -> int:
        """Of the list of shards in use."""
        return self._fleet.version

    def breakers(self) -> dict[str, State]:
        """The state of each shard's breaker."""
        return {name: breaker.state for name, breaker in self._fleet.breakers.items()}

    async def change(self, shards: ShardMap) -> None:
        """Goes over to another list of shards, if it is newer, while everything goes on.

        A list that can't be used is logged and not taken: the old one still works.
        """
        before = set(self._fleet.shards)
        try:
            changed = await self._fleet.change(shards)
        except ConfigError as error:
            logger.error("version %d of the shards can't be used: %s", shards.version, error)  # noqa: TRY400 - no bug of ours
            return
        if changed:
            added = [name for name in self._fleet.shards if name not in before]
            await asyncio.gather(*(self._fleet.examine(name) for name in added))


@asynccontextmanager
async def open_storage(
    config: StorageConfig,
    shards: ShardMap | None = None,
    *,
    reads_only: bool = False,
    forgiving: bool = False,
    on_bad: Callable[[str, str], None] = lambda *_: None,
    deadlines: Deadlines = DEADLINES,
    patience: Patience = PATIENCE,
    policy: Policy = POLICY,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Storage]:
    """Connects to every shard, those of the configuration unless others are given, and proves it.

    Raises `ConfigError` for a missing bucket or directory and for refused keys, naming the shard,
    and `Unavailable` when fewer shards answer than an upload needs; with `reads_only` the start goes
    on without them. A shard that is silent now is avoided until it answers, and so is a draining one that is lost;
    for who is `forgiving`, any. `on_bad` hears of each copy that a read found missing or wrong: its key and its shard.
    """
    first = shards or first_map(config)
    check(config, first)
    async with open_fleet(config, deadlines=deadlines, policy=policy, clock=clock) as fleet:
        await fleet.change(first)
        await _prove(fleet, needed=0 if reads_only or forgiving else config.quorum, forgiving=forgiving)
        watch = Watch(fleet.shards, fleet.breakers)
        watching = asyncio.create_task(watch.run())
        try:
            objects = Objects(
                fleet, copies=config.copies, quorum=config.quorum, patience=patience, on_slow=watch.doubt, on_bad=on_bad
            )
            yield Storage(fleet, objects)
        finally:
            await _stop(watching)


async def _prove(fleet: Fleet, *, needed: int, forgiving: bool) -> None:
    problems = await asyncio.gather(*(fleet.examine(name) for name in fleet.shards))
    silent = {}
    for name, problem in zip(fleet.shards, problems, strict=True):
        if problem is None:
            continue
        is_active = fleet.listed[name].state is ShardState.ACTIVE
        if isinstance(problem, ShardMisconfigured) and is_active and not forgiving:
            raise ConfigError(f"CHITRAM_SHARDS: shard {name}: {problem.reason}")
        logger.warning("shard %s does not answer: %s", name, problem.reason)
        if is_active:
            silent[name] = problem.reason
    answering = len(fleet.active) - len(silent)
    if answering < needed:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in silent.items())
        raise Unavailable(f"uploads need {needed} shards, {answering} answer ({reasons})")


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
