"""Deleting an account, and everything that is its owner's."""

import asyncio
from uuid import UUID

from contracts.accounts import Receipt
from contracts.principals import Principal
from services.write.ports import Accounts, Clock, Departures, NewId, Settle
from services.write.settle import settle_all

BATCH = 50
"""Images that one transaction deletes."""

PATIENCE = 5.0
"""Seconds that deleting images may take before the rest is left to the worker; less than any change may take."""


async def delete_account(
    user_id: UUID,
    password_hash: str | None,
    by: Principal,
    *,
    accounts: Accounts,
    departures: Departures,
    settle: Settle,
    clock: Clock,
    new_id: NewId,
) -> tuple[Receipt, str]:
    """Account and credentials end in one transaction, then the images go, some at a time; gives the receipt.

    What the receipt counts as deleted no read service shows any more; the position is that of the last commit. Without
    a `password_hash` it is not asked whether the password has changed meanwhile. Raises `NotFound`,
    `InvalidCredentials`.
    """
    receipt_id = new_id()
    recorded = await accounts.mark_deleted(user_id, receipt_id, password_hash, by)
    lsn, images = await settle_all(recorded, settle=settle), 0
    give_up_at = asyncio.get_running_loop().time() + PATIENCE
    while asyncio.get_running_loop().time() < give_up_at:
        recorded = await departures.delete_images(user_id, BATCH, by)
        if not recorded.events:
            break
        images += len(recorded.events)
        lsn = await settle_all(recorded, settle=settle)
    pending = await departures.count_images(user_id)
    return Receipt(id=receipt_id, user_id=user_id, deleted_at=clock(), images=images, images_pending=pending), lsn
