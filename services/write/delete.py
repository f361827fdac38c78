"""Deleting an image."""

from datetime import timedelta
from uuid import UUID

from contracts.principals import Principal, Scope
from infrastructure.failpoints import failpoint
from infrastructure.telemetry import metrics
from services.shared.principals import require_scope
from services.write.ownership import goes_to_trash, require_living, require_right_to_change, require_unexpired
from services.write.ports import Clock, Committed, Ledger, Settle, Stored
from services.write.versions import require_version


async def delete(
    image_id: UUID,
    principal: Principal,
    *,
    token: str | None,
    versions: frozenset[int] | None,
    permanent: bool,
    trash: timedelta,
    ledger: Ledger,
    settle: Settle,
    clock: Clock,
) -> Committed:
    """Deletes an image if the caller may and, where `versions` is given, it still has one of them.

    It returns when no read service can show the image any more. His own goes to the trash, in which it stays for
    `trash`, unless he wants it `permanent` or there is no trash (of no time); that may also be in the trash already.
    The objects of what is deleted for good are erased later, by the worker, from the event.
    Raises `ImageNotFound` (also when it is deleted already), `Forbidden`, `VersionConflict`.
    """

    require_scope(principal, Scope.WRITE)

    def decide(stored: Stored) -> bool:
        (require_unexpired if permanent else require_living)(stored, clock())
        require_right_to_change(stored, principal, token)
        require_version(stored, versions)
        return bool(trash) and not permanent and goes_to_trash(stored.image, principal)

    await failpoint("delete.before_row")
    committed = await ledger.withdraw(image_id, decide, by=principal)
    if None in (committed.image.trashed_at, committed.image.deleted_at):  # else it was gone for readers before
        metrics.images_deleted.inc()
    await settle(committed.event, committed.lsn)
    await failpoint("delete.before_answer")
    return committed
