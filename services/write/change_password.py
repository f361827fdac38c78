"""Changing one's password."""

from contracts.errors import InvalidCredentials, Unauthorized
from contracts.principals import Principal
from services.shared.principals import require_session
from services.write.log_in import PERIOD, LoginLimits
from services.write.passwords import LONGEST, require_good_password
from services.write.ports import Account, Accounts, Attempts, Passwords, Settle
from services.write.settle import settle_all


async def change_password(
    current: str,
    new: str,
    principal: Principal,
    *,
    passwords: Passwords,
    accounts: Accounts,
    attempts: Attempts,
    limits: LoginLimits,
    settle: Settle,
) -> str:
    """Sets a new password for the caller, who shows the current one; gives the position of the commit.

    His other sessions end, on every read service, before it returns; his API keys stay. Raises `Unauthorized`,
    `Forbidden`, `InvalidCredentials`, `InvalidField`, `RateLimitExceeded`.
    """
    account = await prove(current, principal, passwords=passwords, accounts=accounts, attempts=attempts, limits=limits)
    await require_good_password(new, account.user.email, passwords=passwords)
    renewed = await passwords.hash(new)
    recorded = await accounts.update_password(account.user.id, account.password_hash, renewed, principal)
    return await settle_all(recorded, settle=settle)


async def prove(
    password: str,
    principal: Principal,
    *,
    passwords: Passwords,
    accounts: Accounts,
    attempts: Attempts,
    limits: LoginLimits,
) -> Account:
    """The account of a caller who has logged in and shows his password once more.

    A session that somebody left open is not enough to take an account over. Raises `Unauthorized`, `Forbidden`,
    `InvalidCredentials`, `RateLimitExceeded`.
    """
    user_id = require_session(principal)
    await attempts.take(f"prove:{user_id}", limits.account, PERIOD)
    account = await accounts.select(user_id)
    if account is None:
        raise Unauthorized
    if len(password) > LONGEST or not (await passwords.verify(password, account.password_hash)).right:
        raise InvalidCredentials
    await attempts.forget(f"prove:{user_id}")
    return account
