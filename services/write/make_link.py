"""Making a signed link to an image."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from contracts.audit import Deed
from contracts.images import image_path
from contracts.principals import Principal, Scope
from services.shared.principals import require_scope
from services.write.ownership import require_living, require_right_to_change
from services.write.ports import Clock, Ledger, Sign, Stored


class MadeLink(msgspec.Struct, frozen=True):
    """An address that opens a part of an image, and until when."""

    url: str
    expires_at: datetime


async def make_link(
    image_id: UUID,
    part: str,
    life: timedelta,
    principal: Principal,
    *,
    token: str | None,
    ledger: Ledger,
    sign: Sign,
    clock: Clock,
) -> MadeLink:
    """Opens `part` of an image (a path below the image's own, `/file` for example) to whoever has the link.

    It stands in the audit log before it is given away. Raises `ImageNotFound`, `Forbidden`.
    """
    require_scope(principal, Scope.WRITE)
    path, end, epochs = f"{image_path(image_id)}{part}", (clock() + life).replace(microsecond=0), []

    def decide(stored: Stored) -> Deed:
        require_living(stored, clock())
        require_right_to_change(stored, principal, token)
        epochs.append(stored.image.link_epoch)
        details = {"path": path, "expires_at": end}
        return Deed(action="image.link_made", image_id=image_id, user_id=stored.image.owner_id, details=details)

    await ledger.note(image_id, decide, by=principal)
    return MadeLink(sign(path, epochs[-1], end), end)
