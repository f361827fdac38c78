"""Making an account."""

from contracts.accounts import Quota, User
from contracts.principals import Principal
from services.shared.client import network_of
from services.write.passwords import require_good_password
from services.write.ports import Accounts, Attempts, Clock, NewId, Passwords, ReadEmail

PER_HOUR = 3600.0
"""Seconds of the period in which an address may make so many accounts."""


async def register(
    email: str,
    password: str,
    principal: Principal,
    *,
    read_email: ReadEmail,
    passwords: Passwords,
    accounts: Accounts,
    attempts: Attempts,
    most_an_hour: int,
    quota: Quota,
    clock: Clock,
    new_id: NewId,
    is_admin: bool = False,
) -> tuple[User, str]:
    """E-mail and password -> judged -> hashed -> row committed; gives the user and the position of the commit.

    From one network at most `most_an_hour` accounts are made; each may hold what `quota` says. Raises `InvalidField`,
    `EmailExists`, `RateLimitExceeded`.
    """
    address = read_email(email)
    await attempts.take(f"register:{network_of(principal.address)}", most_an_hour, PER_HOUR)
    await require_good_password(password, address, passwords=passwords)
    user = User(new_id(), address, clock(), is_admin)
    password_hash = await passwords.hash(password)
    lsn = await accounts.insert(user, principal, email_key=address.casefold(), password_hash=password_hash, quota=quota)
    return user, lsn
