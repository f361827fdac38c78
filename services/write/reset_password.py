"""Giving a user another password, because he has forgotten his."""

from contracts.errors import NotFound
from contracts.principals import Principal
from services.write.passwords import require_good_password
from services.write.ports import Accounts, EmailKey, Passwords, Settle
from services.write.settle import settle_all


async def reset_password(
    email: str,
    password: str,
    by: Principal,
    *,
    email_key: EmailKey,
    passwords: Passwords,
    accounts: Accounts,
    settle: Settle,
) -> None:
    """Sets a password; all sessions of the user end before it returns. Raises `NotFound`, `InvalidField`."""
    account = await accounts.select_by_email(email_key(email))
    if account is None:
        raise NotFound(f"There is no account with the address {email}.")
    await require_good_password(password, account.user.email, passwords=passwords)
    renewed = await passwords.hash(password)
    recorded = await accounts.update_password(account.user.id, account.password_hash, renewed, by)
    await settle_all(recorded, settle=settle)
