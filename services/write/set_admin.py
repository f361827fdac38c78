"""Making a user an admin, or one no more."""

from contracts.errors import NotFound
from contracts.principals import Principal
from services.write.ports import Accounts, EmailKey, Settle
from services.write.settle import settle_all


async def set_admin(
    email: str, is_admin: bool, by: Principal, *, email_key: EmailKey, accounts: Accounts, settle: Settle
) -> None:
    """Changes what the user's sessions and keys may do, those that he has included, on every read service.

    Raises `NotFound`.
    """
    account = await accounts.select_by_email(email_key(email))
    if account is None:
        raise NotFound(f"There is no account with the address {email}.")
    await settle_all(await accounts.update_admin(account.user.id, is_admin, by), settle=settle)
