"""Changing what is said about an image."""

from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from contracts.images import Image
from contracts.principals import Principal
from services.write.ownership import require_right_to_change
from services.write.ports import Committed, Ledger, Stored
from services.write.versions import require_version


class Change(msgspec.Struct, frozen=True):
    """New words for an image; what is unset stays as it is."""

    filename: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET


async def change(
    image_id: UUID,
    wanted: Change,
    principal: Principal,
    *,
    token: str | None,
    versions: frozenset[int] | None,
    ledger: Ledger,
) -> Committed:
    """Applies a change if the caller may make it and, where `versions` is given, the image still has one of them.

    Raises `ImageNotFound`, `Forbidden`, `VersionConflict`.
    """

    def decide(stored: Stored) -> Image:
        require_right_to_change(stored, principal, token)
        require_version(stored, versions)
        return msgspec.structs.replace(stored.image, **_set_fields(wanted))

    return await ledger.update(image_id, decide)


def _set_fields(wanted: Change) -> dict[str, object]:
    return {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not UNSET}
