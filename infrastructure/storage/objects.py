"""Objects with several copies: the store that is made of shards. Callers never meet the ring."""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from contracts.errors import ObjectMissing, Unavailable
from infrastructure.failpoints import failpoint
from infrastructure.storage.body import Body, view
from infrastructure.storage.fleet import Fleet
from infrastructure.storage.race import Race
from infrastructure.storage.shard import ShardFailed, checked

logger = logging.getLogger(__name__)


class Patience(msgspec.Struct, frozen=True):
    """Seconds after which a shard that has not answered gets company: the call goes to another one too.

    A put has as much longer as its bytes take at `rate` bytes per second. A get has not: a shard that hangs must cost
    a reader no more than 0.2 s in all.
    """

    put: float = 1.0
    get: float = 0.15
    rate: float = 10e6


PATIENCE = Patience()


class CorruptCopy(ObjectMissing):
    """A copy whose bytes are not the object's."""


class Objects:
    """Stores, fetches and removes objects. Safe for any number of concurrent calls on one event loop."""

    def __init__(
        self,
        fleet: Fleet,
        *,
        copies: int,
        quorum: int,
        patience: Patience = PATIENCE,
        on_slow: Callable[[str], None] = lambda _: None,
        on_bad: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        """`on_slow` hears of each shard that another one is asked beside; when that one wins, it is a failure.

        `on_bad` hears of each copy that a read found missing or wrong: its key and its shard.
        """
        self._fleet = fleet
        self._copies = copies
        self._quorum = quorum
        self._patience = patience
        self._on_slow = on_slow
        self._on_bad = on_bad

    async def put(self, key: str, body: Body, content_type: str) -> tuple[str, ...]:
        """Writes the copies at once and returns where they are: the placement to keep with the row.

        Shards that are avoided, fail or dawdle are passed over for the next ones of the ring.
        Raises `Unavailable` when fewer than the quorum could be written; what was written stays, for
        the sweep. Repeating a put is harmless. The body must not change until this returns.
        """
        content = view(body)
        candidates = filter(self._admits, self._fleet.ring.walk(checked(key)))
        race = Race(
            partial(self._put, key, content, content_type),
            candidates,
            patience=self._patience.put + content.nbytes / self._patience.rate,
            on_late=self._on_slow,
            on_overtaken=self._overtaken,
        )
        outcome = await race.run(wanted=self._copies, enough=self._quorum)
        _log_failures("PUT", key, outcome.failed)
        if len(outcome.done) < self._quorum:
            raise Unavailable
        return tuple(outcome.done)

    async def get(
        self, key: str, placement: tuple[str, ...], *, sha256: str | None = None, size: int | None = None
    ) -> bytes:
        """The object's bytes, from the first copy that answers and has the `sha256` (hexadecimal) and the `size`.

        Shards that are avoided come last. Raises `ObjectMissing` when every copy was asked and none is good,
        `Unavailable` when some could not be asked.
        """
        checked(key)
        known = self._known(key, placement)
        race = Race(
            partial(self._get, key, sha256, size),
            iter(sorted(known, key=lambda name: not self._admits(name))),
            patience=self._patience.get,
            on_late=self._on_slow,
            on_overtaken=self._overtaken,
        )
        outcome = await race.run(wanted=1, enough=1)
        _log_failures("GET", key, outcome.failed)
        for data in outcome.done.values():
            return data
        if len(outcome.failed) == len(placement) and all(isinstance(e, ObjectMissing) for e in outcome.failed.values()):
            raise ObjectMissing
        raise Unavailable

    async def delete(self, key: str, placement: tuple[str, ...]) -> None:
        """Removes every copy; those not there are a success.

        Raises `Unavailable` when a shard could not be asked, after asking all the others.
        """
        checked(key)
        known = [name for name in self._known(key, placement) if self._admits(name)]
        errors = await asyncio.gather(*(self._delete(key, name) for name in known))
        failed = {name: error for name, error in zip(known, errors, strict=True) if error}
        _log_failures("DELETE", key, failed)
        if failed or len(known) < len(placement):
            raise Unavailable

    @property
    def is_writable(self) -> bool:
        """Whether enough shards are in use for a put to succeed, as far as is known without asking."""
        return sum(map(self._admits, self._fleet.active)) >= self._quorum

    def _admits(self, name: str) -> bool:
        """Probes are the watch's: no upload has to find out whether a shard is back."""
        breaker = self._fleet.breakers.get(name)  # a shard may be removed while a call walks the ring
        return breaker is not None and breaker.is_closed

    def _known(self, key: str, placement: tuple[str, ...]) -> list[str]:
        unknown = [name for name in placement if name not in self._fleet.shards]
        if unknown:
            logger.error("%s has copies on shards that are not configured: %s", key, ", ".join(unknown))
        return [name for name in placement if name in self._fleet.shards]

    def _overtaken(self, name: str) -> None:
        if breaker := self._fleet.breakers.get(name):
            breaker.failed()
        logger.warning("shard %s was too slow, another took its place", name)

    async def _put(self, key: str, content: memoryview, content_type: str, name: str) -> None:
        await failpoint("storage.before_put")
        shard, breaker = self._fleet.reach(name)
        with breaker.call():
            await shard.put(key, content, content_type)
        await failpoint("storage.after_put")

    async def _get(self, key: str, sha256: str | None, size: int | None, name: str) -> bytes:
        shard, breaker = self._fleet.reach(name)
        try:
            with breaker.call():
                data = await shard.get(key)
            if not await _is_right(data, sha256, size):
                logger.error("%s on shard %s does not have the bytes it was stored with", key, name)
                raise CorruptCopy
        except ObjectMissing:
            self._on_bad(key, name)
            raise
        return data

    async def _delete(self, key: str, name: str) -> Unavailable | None:
        try:
            shard, breaker = self._fleet.reach(name)
            with breaker.call():
                await shard.delete(key)
        except Unavailable as error:
            return error
        return None


async def _is_right(data: bytes, sha256: str | None, size: int | None) -> bool:
    if size is not None and len(data) != size:
        return False
    if not sha256:
        return True
    if len(data) < _AT_ONCE:
        return _digest(data) == sha256
    return await asyncio.to_thread(_digest, data) == sha256


_AT_ONCE = 64 * 1024
"""Bytes that are hashed sooner than a thread has been woken up."""


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _log_failures(method: str, key: str, failed: Mapping[str, Unavailable]) -> None:
    for name, error in failed.items():
        reason = error.reason if isinstance(error, ShardFailed) else "no good copy there"
        logger.warning("%s %s failed on shard %s: %s", method, key, name, reason)
