"""Leaving: a person deletes his own account."""

from contracts.accounts import Receipt
from contracts.principals import Principal
from services.write.change_password import prove
from services.write.delete_account import delete_account
from services.write.log_in import LoginLimits
from services.write.ports import Accounts, Attempts, Clock, Departures, NewId, Passwords, Settle


async def leave(
    password: str,
    principal: Principal,
    *,
    passwords: Passwords,
    accounts: Accounts,
    departures: Departures,
    attempts: Attempts,
    limits: LoginLimits,
    settle: Settle,
    clock: Clock,
    new_id: NewId,
) -> tuple[Receipt, str]:
    """Deletes the account of a caller who has logged in and shows his password once more, as `delete_account` does.

    Raises `Unauthorized`, `Forbidden`, `InvalidCredentials`, `RateLimitExceeded`.
    """
    account = await prove(password, principal, passwords=passwords, accounts=accounts, attempts=attempts, limits=limits)
    return await delete_account(
        account.user.id,
        account.password_hash,
        principal,
        accounts=accounts,
        departures=departures,
        settle=settle,
        clock=clock,
        new_id=new_id,
    )
