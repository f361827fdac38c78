"""Taking an image out of the trash."""

from uuid import UUID

from msgspec.structs import replace

from contracts.errors import ImageNotFound
from contracts.images import Image
from contracts.principals import Principal, Scope
from services.shared.principals import require_scope, require_user
from services.write.ownership import require_right_to_change, require_unexpired
from services.write.ports import Clock, Committed, Ledger, Stored
from services.write.versions import require_version


async def restore(
    image_id: UUID, principal: Principal, *, versions: frozenset[int] | None, ledger: Ledger, clock: Clock
) -> Committed:
    """Shows an image again as it was, if the caller may and, where `versions` is given, it still has one of them.

    One that is not in the trash stays as it is, in a new version, so that asking twice is no harm. What was uploaded
    anonymously is never in the trash. Whether the image is restored or the trash emptied, who locks its row first
    decides. Raises `Unauthorized`, `Forbidden`, `ImageNotFound` (also when it is too late), `VersionConflict`.
    """
    require_user(principal)
    require_scope(principal, Scope.WRITE)

    def decide(stored: Stored) -> Image:
        require_unexpired(stored, clock())
        if stored.image.owner_id is None:
            raise ImageNotFound
        require_right_to_change(stored, principal, token=None)
        require_version(stored, versions)
        return replace(stored.image, trashed_at=None)

    return await ledger.update(image_id, decide, by=principal)
