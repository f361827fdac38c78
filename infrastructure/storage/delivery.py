"""Where nginx finds an object: addresses of internal locations, made quickly and remembered."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

from infrastructure.storage.breaker import Breaker
from infrastructure.storage.config import Address, Bucket

LIFETIME: Final = 3600
"""Seconds for which a presigned URL works; none is handed out that has less than half of it left."""

REMEMBERED: Final = 16_384
"""Presigned URLs kept, about 0.7 kB each."""


class Locator:
    """Names the internal location that nginx is redirected to.

    - `/_s3/<attempt>/<host:port>/<bucket>/<key>?<query>`: nginx fetches `<host:port>/<bucket>/<key>?<query>`, with
      `Host: <host:port>` and with GET whatever the client's method is, because both are signed;
    - `/_file/<attempt>/<shard>/<key>`: nginx serves `<key>` in the shard's directory.

    `<attempt>` lists the copies tried so far, one digit each (1 is the first of the placement). When
    the one nginx was sent to fails, it asks again and hands the number back unchanged.
    """

    def __init__(
        self,
        addresses: Mapping[str, Address],
        breakers: Mapping[str, Breaker],
        *,
        sign: Callable[[Bucket, str], str],
        clock: Callable[[], float],
        on_failed: Callable[[str], None] = lambda _: None,
        lifetime: float = LIFETIME,
        remembered: int = REMEMBERED,
    ) -> None:
        """`addresses` are those of the shards by name, `clock` is monotonic.

        `sign` gives `<host:port>/<bucket>/<key>?<query>`.

        `on_failed` hears of each shard that nginx could not get an object from.
        """
        self._addresses = addresses
        self._breakers = breakers
        self._sign = sign
        self._clock = clock
        self._on_failed = on_failed
        self._renew_after = lifetime / 2
        self._limit = remembered
        self._signed: OrderedDict[tuple[Bucket, str], tuple[float, str]] = OrderedDict()

    def locate(self, key: str, placement: tuple[str, ...], failed: int = 0) -> str | None:
        """Where to fetch an object: a healthy copy first, each copy once, None when all have been tried.

        `failed` is 0 for a new request, else the number that came back from nginx. Never blocks: 1 µs
        for a remembered address, 60 µs more for signing a new one.
        """
        tried = str(failed) if failed else ""
        if tried:
            self._report(placement, tried)
        index = self._choose(placement, tried)
        if index is None:
            return None
        attempt = f"{tried}{index + 1}"
        address = self._addresses[placement[index]]
        if isinstance(address, Bucket):
            return f"/_s3/{attempt}/{self._presigned(address, key)}"
        return f"/_file/{attempt}/{address.name}/{key}"

    def _choose(self, placement: tuple[str, ...], tried: str) -> int | None:
        """Position of the copy to try next: the first healthy one, else the first that is left."""
        fallback = None
        for index, name in enumerate(placement):
            if name in self._addresses and str(index + 1) not in tried:
                if self._breakers[name].is_closed:
                    return index
                fallback = index if fallback is None else fallback
        return fallback

    def _report(self, placement: tuple[str, ...], tried: str) -> None:
        last = int(tried[-1]) - 1
        if 0 <= last < len(placement) and placement[last] in self._addresses:
            self._on_failed(placement[last])

    def _presigned(self, address: Bucket, key: str) -> str:
        now = self._clock()
        entry = self._signed.get((address, key))
        if entry is not None and now < entry[0]:
            self._signed.move_to_end((address, key))
            return entry[1]
        return self._renewed(address, key, now)

    def _renewed(self, address: Bucket, key: str, now: float) -> str:
        signed = self._sign(address, key)
        self._signed[address, key] = (now + self._renew_after, signed)
        self._signed.move_to_end((address, key))
        if len(self._signed) > self._limit:
            self._signed.popitem(last=False)
        return signed
