"""Refusing callers who ask for too much.

What counts is counted in Redis, for all services together. A question for every read would cost more than the read, so
for large rates a hundredth of them is reserved at once and given out here; a small rate is counted one by one.
"""

import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

import msgspec
from litestar import Request

from contracts.errors import RateLimitExceeded, Unauthorized, Unavailable
from contracts.principals import Principal
from services.shared.client import network_of
from services.shared.principals import Identify, unidentified
from services.shared.rates import Rate, RateConfig, rate_of

RESERVATIONS = 100
"""Parts that a rate is given out in, so that a service may hold one of a hundred of a caller's units unused."""

MOST = 100_000
"""Callers remembered, about 30 MB of them; beyond, who was seen longest ago is asked for anew."""


class Grant(Protocol):
    """An answer of a limiter; see `infrastructure.redis.limiter.Grant`."""

    @property
    def granted(self) -> int: ...
    @property
    def retry_after(self) -> float: ...
    @property
    def reset_after(self) -> float: ...


class Limiter(Protocol):
    """Counts for all services together. Raises `Unavailable` when it can't, within a tenth of a second."""

    async def take(
        self, what: str, units: int, period: float, *, wanted: int = 1, needed: int | None = None
    ) -> Grant: ...


Throttle = Callable[[Principal, int], Awaitable[None]]
"""Counts so many units for a caller. Raises `RateLimitExceeded`; `Unavailable` when nobody counts and it matters."""


class _Share(msgspec.Struct):
    """What a caller has reserved, or until when he is refused so many units without asking.

    Times are on the throttle's clock.
    """

    units: int = 0
    good_until: float = 0.0
    refused_until: float = 0.0
    refused: int = 0
    reset_at: float = 0.0


class RateLimit:
    """A `Throttle` for one kind of request. `clock` gives seconds and never goes back."""

    def __init__(
        self, what: str, *, anonymous: str, users: str, limiter: Limiter, fails_open: bool, clock: Callable[[], float]
    ) -> None:
        """`anonymous` and `users` are rates as `RateConfig` has them; with `fails_open` nobody is refused uncounted."""
        self._what = what
        self._anonymous = rate_of(anonymous)
        self._users = rate_of(users)
        self._limiter = limiter
        self._fails_open = fails_open
        self._clock = clock
        self._shares: OrderedDict[str, _Share] = OrderedDict()

    async def __call__(self, principal: Principal, units: int = 1) -> None:
        """Passes, or raises; see `Throttle`."""
        anonymous = principal.user_id is None
        rate = self._anonymous if anonymous else self._users
        if rate is None:
            return
        who = network_of(principal.address) if anonymous else f"user:{principal.user_id}"
        share, now = self._share(who), self._clock()
        if share.units >= units and now < share.good_until:
            share.units -= units
            return
        if now < share.refused_until and units >= share.refused:
            raise _refusal(rate, share.refused_until - now, share.reset_at - now)
        await self._ask(who, rate, share, units)

    async def _ask(self, who: str, rate: Rate, share: _Share, units: int) -> None:
        batch = max(units, rate.units // RESERVATIONS)
        try:
            grant = await self._limiter.take(
                f"{self._what}:{who}", rate.units, rate.period, wanted=batch, needed=min(units, batch)
            )
        except Unavailable:
            if self._fails_open:
                return
            raise
        now = self._clock()
        if not grant.granted:
            share.refused_until, share.reset_at = now + grant.retry_after, now + grant.reset_after
            share.refused = units
            raise _refusal(rate, grant.retry_after, grant.reset_after)
        if now >= share.good_until:
            share.units = 0
        share.units += max(grant.granted - units, 0)
        share.good_until = now + rate.period

    def _share(self, who: str) -> _Share:
        share = self._shares.get(who)
        if share is None:
            share = self._shares[who] = _Share()
            if len(self._shares) > MOST:
                self._shares.popitem(last=False)
        else:
            self._shares.move_to_end(who)
        return share


class Throttles(msgspec.Struct, frozen=True):
    """One for each kind of request, and for the pixels of pictures that are taken in."""

    reads: Throttle
    changes: Throttle
    uploads: Throttle
    megapixels: Throttle


def throttles(config: RateConfig, *, limiter: Limiter, clock: Callable[[], float]) -> Throttles:
    """All of them, as configured."""
    limit = partial(RateLimit, limiter=limiter, fails_open=config.on_error == "accept", clock=clock)
    return Throttles(
        reads=limit("reads", anonymous=config.reads_anonymous, users=config.reads),
        changes=limit("changes", anonymous=config.changes_anonymous, users=config.changes),
        uploads=limit("uploads", anonymous=config.uploads_anonymous, users=config.uploads),
        megapixels=limit("megapixels", anonymous=config.megapixels_anonymous, users=config.megapixels),
    )


def _refusal(rate: Rate, retry_after: float, reset_after: float) -> RateLimitExceeded:
    return RateLimitExceeded(max(1, math.ceil(retry_after)), limit=rate.units, reset_after=math.ceil(reset_after))


def throttled(identify: Identify, throttle: Throttle) -> Identify:
    """The same, and each request counts: for its caller, or for its network where no caller could be made out."""

    async def identify_throttled(request: Request[Any, Any, Any]) -> Principal:
        try:
            principal = await identify(request)
        except Unauthorized:
            await throttle(unidentified(request), 1)
            raise
        await throttle(principal, 1)
        return principal

    return identify_throttled
