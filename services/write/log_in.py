"""Logging in: a password for a token."""

from datetime import datetime, timedelta

import msgspec

from contracts.accounts import Credential, User
from contracts.errors import InvalidCredentials
from contracts.principals import CredentialKind, Principal, Scope
from services.shared.client import network_of
from services.shared.tokens import token_hash
from services.write.passwords import LONGEST
from services.write.ports import (
    Account,
    Accounts,
    Attempts,
    Clock,
    Credentials,
    EmailKey,
    NewCredentialToken,
    NewId,
    Passwords,
)

PERIOD = 300.0
"""Seconds in which an account, or a network, has so many attempts."""


class LoginLimits(msgspec.Struct, frozen=True):
    """Attempts in five minutes at one account, and from one network."""

    account: int
    network: int


class LoggedIn(msgspec.Struct, frozen=True):
    """A session that is durable. `token` is shown this once; `lsn` is the position of the commit."""

    user: User
    token: str
    expires_at: datetime
    lsn: str


async def log_in(
    email: str,
    password: str,
    principal: Principal,
    *,
    email_key: EmailKey,
    passwords: Passwords,
    accounts: Accounts,
    credentials: Credentials,
    attempts: Attempts,
    limits: LoginLimits,
    lifetime: timedelta,
    clock: Clock,
    new_id: NewId,
    new_token: NewCredentialToken,
) -> LoggedIn:
    """E-mail and password -> attempts counted -> account -> password compared -> session committed -> logged in.

    An unknown address and a wrong password get the same answer after the same work, `InvalidCredentials`.
    Raises `RateLimitExceeded`, `Unavailable`.
    """
    key = email_key(email)
    await attempts.take(f"login:network:{network_of(principal.address)}", limits.network, PERIOD)
    await attempts.take(f"login:account:{key}", limits.account, PERIOD)
    if len(password) > LONGEST:
        raise InvalidCredentials
    account = await accounts.select_by_email(key)
    password_hash = await _compare(password, account, passwords=passwords, accounts=accounts)
    if account is None or password_hash is None:
        raise InvalidCredentials
    user, now, token = account.user, clock(), new_token(CredentialKind.SESSION)
    expires_at = now + lifetime
    session = Credential(
        id=new_id(),
        version=1,
        token_hash=token_hash(token).hex(),
        kind=CredentialKind.SESSION,
        user_id=user.id,
        user_is_admin=user.is_admin,
        scopes=tuple(Scope),
        created_at=now,
        expires_at=expires_at,
    )
    recorded = await credentials.insert_session(session, _as(principal, user), password_hash=password_hash)
    await attempts.forget(f"login:account:{key}")
    return LoggedIn(user, token, expires_at, recorded.lsn)


async def _compare(password: str, account: Account | None, *, passwords: Passwords, accounts: Accounts) -> str | None:
    """The hash that stands now of a password that is right, made anew where it was outdated; None for a wrong one."""
    stored = account.password_hash if account else None
    verdict = await passwords.verify(password, stored)
    if account is None or not verdict.right:
        return None
    if not verdict.outdated:
        return stored
    renewed = await passwords.hash(password)
    await accounts.update_password_hash(account.user.id, account.password_hash, renewed)
    return renewed


def _as(principal: Principal, user: User) -> Principal:
    """The caller once his password was right, where the request came from included."""
    return msgspec.structs.replace(principal, user_id=user.id)
