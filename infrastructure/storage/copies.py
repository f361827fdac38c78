"""Single copies, for those who look after them: each call says which shard it means."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

from infrastructure.failpoints import failpoint
from infrastructure.storage.fleet import Fleet
from infrastructure.storage.shard import ObjectInfo


class Copies:
    """All calls raise `ShardFailed` when the shard does not do what it is asked, and count for its breaker."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    @property
    def reachable(self) -> set[str]:
        """Names of the shards that are not avoided, the draining ones too."""
        return {name for name, breaker in self._fleet.breakers.items() if breaker.is_closed}

    @property
    def known(self) -> set[str]:
        """Names of all shards, also of those that are avoided."""
        return set(self._fleet.shards)

    async def read(self, key: str, shard: str) -> bytes:
        """The bytes of a copy, whatever they are. Raises `ObjectMissing`."""
        found, breaker = self._fleet.reach(shard)
        with breaker.call():
            return await found.get(key)

    async def write(self, key: str, shard: str, data: bytes, content_type: str) -> bool:
        """Puts a copy in its place. Whether the shard has said, by a checksum, that just these bytes are there now;
        where it hasn't, only reading them can tell.
        """
        found, breaker = self._fleet.reach(shard)
        with breaker.call():
            tag = await found.put(key, memoryview(data), content_type)
        await failpoint("storage.after_put")
        return tag != "" and tag == await asyncio.to_thread(_md5, data)

    def list(self, shard: str, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """Every object on a shard, or those of one `<uuid>/`. One that ends without an error is complete."""
        return self._fleet.reach(shard)[0].list(prefix)


def _md5(data: bytes) -> str:
    """Against accidents, which is what S3 has it for; against anybody's intent there is SHA-256."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
