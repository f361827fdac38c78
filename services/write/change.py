"""Changing what is said about an image, and who may see it."""

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from contracts.images import Image, Visibility
from contracts.principals import Principal, Scope
from services.shared.principals import require_scope
from services.write.ownership import require_living, require_right_to_change, require_right_to_hide
from services.write.ports import Clock, Committed, Ledger, Settle, Stored
from services.write.versions import require_version


class Change(msgspec.Struct, frozen=True):
    """New words and rights for an image; what is unset stays as it is."""

    filename: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    visibility: Visibility | UnsetType = UNSET
    expires_at: datetime | UnsetType | None = UNSET


async def change(
    image_id: UUID,
    wanted: Change,
    principal: Principal,
    *,
    token: str | None,
    versions: frozenset[int] | None,
    ledger: Ledger,
    settle: Settle,
    clock: Clock,
) -> Committed:
    """Applies a change if the caller may make it and, where `versions` is given, the image still has one of them.

    When an image may be seen by fewer people from now on, or not for ever, it returns when no read service shows it as
    it was any more; links from before it became private don't open it. Raises `ImageNotFound`, `Forbidden`,
    `VersionConflict`, `InvalidField`.
    """
    require_scope(principal, Scope.WRITE)

    def decide(stored: Stored) -> Image:
        require_living(stored, clock())
        require_right_to_change(stored, principal, token)
        require_version(stored, versions)
        changed: Image = msgspec.structs.replace(stored.image, **_set_fields(wanted))
        require_right_to_hide(changed.visibility, changed.owner_id)
        if changed.visibility is Visibility.PRIVATE is not stored.image.visibility:
            changed = msgspec.structs.replace(changed, link_epoch=changed.link_epoch + 1)
        return changed

    committed = await ledger.update(image_id, decide, by=principal)
    if wanted.visibility not in (UNSET, Visibility.PUBLIC) or wanted.expires_at not in (UNSET, None):
        await settle(committed.event, committed.lsn)
    return committed


def _set_fields(wanted: Change) -> dict[str, object]:
    return {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not UNSET}
