"""Revoking all signed links to an image."""

from uuid import UUID

from msgspec.structs import replace

from contracts.images import Image
from contracts.principals import Principal, Scope
from services.shared.principals import require_scope
from services.write.ownership import require_living, require_right_to_change
from services.write.ports import Clock, Committed, Ledger, Settle, Stored


async def revoke_links(
    image_id: UUID, principal: Principal, *, token: str | None, ledger: Ledger, settle: Settle, clock: Clock
) -> Committed:
    """Returns when no link that was made before opens the image on any read service.

    Raises `ImageNotFound`, `Forbidden`.
    """
    require_scope(principal, Scope.WRITE)

    def decide(stored: Stored) -> Image:
        require_living(stored, clock())
        require_right_to_change(stored, principal, token)
        return replace(stored.image, link_epoch=stored.image.link_epoch + 1)

    committed = await ledger.update(image_id, decide, by=principal)
    await settle(committed.event, committed.lsn)
    return committed
