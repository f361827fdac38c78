"""Deleting an image."""

from uuid import UUID

from contracts.principals import Principal, Scope
from infrastructure.failpoints import failpoint
from infrastructure.telemetry import metrics
from services.shared.principals import require_scope
from services.write.ownership import require_living, require_right_to_change
from services.write.ports import Clock, Committed, Ledger, Settle, Stored
from services.write.versions import require_version


async def delete(
    image_id: UUID,
    principal: Principal,
    *,
    token: str | None,
    versions: frozenset[int] | None,
    ledger: Ledger,
    settle: Settle,
    clock: Clock,
) -> Committed:
    """Deletes an image if the caller may and, where `versions` is given, it still has one of them.

    It returns when no read service can show the image any more; its objects are erased later, by the worker, from
    the event.
    Raises `ImageNotFound` (also when it is deleted already), `Forbidden`, `VersionConflict`.
    """

    require_scope(principal, Scope.WRITE)

    def decide(stored: Stored) -> None:
        require_living(stored, clock())
        require_right_to_change(stored, principal, token)
        require_version(stored, versions)

    await failpoint("delete.before_row")
    committed = await ledger.delete(image_id, decide, by=principal)
    metrics.images_deleted.inc()
    await settle(committed.event, committed.lsn)
    await failpoint("delete.before_answer")
    return committed
