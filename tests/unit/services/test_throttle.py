"""What is reserved is given out here, what is refused is refused without asking, and no one else is counted in."""

from types import SimpleNamespace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import RateLimitExceeded, Unauthorized, Unavailable
from contracts.principals import Principal
from services.shared import throttle
from services.shared.throttle import RateLimit, throttled


class Limiter:
    """Counts as Redis would, on a clock that stands still until it is moved."""

    def __init__(self):
        self.now = 0.0
        self.marks = {}
        self.calls = 0
        self.away = False

    async def take(self, what, units, period, *, wanted=1, needed=None):
        self.calls += 1
        if self.away:
            raise Unavailable
        share = period / units
        mark = max(self.marks.get(what, 0.0), self.now)
        room = int((self.now + period - mark + share / 2) / share)
        needed = min(wanted if needed is None else needed, units)
        granted = min(room, wanted, units)
        if granted < needed:
            return SimpleNamespace(
                granted=0, retry_after=mark + needed * share - self.now - period, reset_after=mark - self.now
            )
        self.marks[what] = mark + granted * share
        return SimpleNamespace(granted=granted, retry_after=0.0, reset_after=mark - self.now)


def limit(limiter, anonymous="10/60", users="20/60", *, fails_open=True):
    return RateLimit(
        "reads",
        anonymous=anonymous,
        users=users,
        limiter=limiter,
        fails_open=fails_open,
        clock=lambda: limiter.now,
    )


def caller(address="203.0.113.7", user_id=None):
    return Principal(user_id=user_id, address=address)


async def passed(rate_limit, principal, calls):
    """How many of so many calls pass."""
    count = 0
    for _ in range(calls):
        try:
            await rate_limit(principal)
        except RateLimitExceeded:
            continue
        count += 1
    return count


@given(units=st.integers(1, 5000), services=st.integers(1, 4), calls=st.integers(1, 300))
async def test_services_together_never_pass_more_than_the_limit(units, services, calls):
    """However the calls are spread, and a single service passes all there is."""
    limiter = Limiter()
    limits = [limit(limiter, f"{units}/60") for _ in range(services)]
    total = sum([await passed(one, caller(), calls) for one in limits])
    assert total <= units
    if services == 1:
        assert total == min(units, calls)


async def test_a_large_rate_is_asked_for_in_hundredths():
    """Sixty reads cost one question."""
    limiter = Limiter()
    assert await passed(limit(limiter, "6000/60"), caller(), 600) == 600
    assert limiter.calls == 10


async def test_a_refused_caller_is_not_asked_for_again_until_it_is_worth_it():
    """A flood costs nothing, does not lengthen the wait, and is told when to come back."""
    limiter = Limiter()
    rate_limit = limit(limiter, "10/60")
    await passed(rate_limit, caller(), 10)
    asked = limiter.calls
    with pytest.raises(RateLimitExceeded) as first:
        await rate_limit(caller())
    assert await passed(rate_limit, caller(), 1000) == 0
    assert limiter.calls == asked + 1
    assert (first.value.retry_after, first.value.limit, first.value.reset_after) == (6, 10, 60)
    limiter.now += 6
    assert await passed(rate_limit, caller(), 5) == 1


async def test_accounts_and_networks_are_counted_apart():
    """An account wherever it comes from, an IPv6 host with all the addresses it can choose from."""
    limiter = Limiter()
    rate_limit = limit(limiter, "1/60", "2/60")
    user = uuid4()
    assert await passed(rate_limit, caller("2001:db8::1"), 1) == 1
    assert await passed(rate_limit, caller("2001:db8::2"), 1) == 0
    assert await passed(rate_limit, caller("2001:db8:0:1::1"), 1) == 1
    assert await passed(rate_limit, caller("2001:db8::1", user), 1) == 1
    assert await passed(rate_limit, caller("203.0.113.7", user), 2) == 1


async def test_a_price_is_paid_in_full_or_not_at_all():
    """A picture of 8 megapixels does not pass where 5 are left; one of 5 does, also after that."""
    limiter = Limiter()
    rate_limit = limit(limiter, "10/60")
    await rate_limit(caller(), 5)
    with pytest.raises(RateLimitExceeded):
        await rate_limit(caller(), 8)
    await rate_limit(caller(), 5)
    limiter.now += 48
    await rate_limit(caller(), 8)


async def test_no_limit_asks_nobody():
    """`0/60` costs nothing."""
    limiter = Limiter()
    assert await passed(limit(limiter, "0/60"), caller(), 100) == 100
    assert limiter.calls == 0


async def test_while_nobody_counts_callers_pass_or_not_as_configured():
    """Redis is away."""
    limiter = Limiter()
    limiter.away = True
    assert await passed(limit(limiter), caller(), 100) == 100
    with pytest.raises(Unavailable):
        await limit(limiter, fails_open=False)(caller())


async def test_what_is_remembered_of_callers_is_bounded(monkeypatch):
    """The one seen longest ago is asked for anew."""
    monkeypatch.setattr(throttle, "MOST", 3)
    limiter = Limiter()
    rate_limit = limit(limiter, "1000/60")
    for host in range(10):
        await rate_limit(caller(f"203.0.113.{host}"))
    assert len(rate_limit._shares) == 3


async def test_guesses_at_tokens_count_for_the_network_they_come_from():
    """Whoever can't be made out is counted all the same."""
    counted = []

    async def count(principal, units):
        counted.append((principal.address, units))

    async def nobody(_request):
        raise Unauthorized

    request = SimpleNamespace(scope={"headers": [(b"x-forwarded-for", b"203.0.113.7")], "client": None})
    with pytest.raises(Unauthorized):
        await throttled(nobody, count)(request)
    assert counted == [("203.0.113.7", 1)]
