"""Storing a picture's bytes, however it came: everything between a draft and its row."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

import msgspec

from contracts.images import Blob, Image
from contracts.principals import Principal
from infrastructure.failpoints import failpoint
from services.write.dedupe import Dedupe, scope_of
from services.write.draft import Draft
from services.write.ports import Charge, Intake, Ledger, NewId, Objects, Ready, Scan, TakeIn


class Kept(msgspec.Struct, frozen=True):
    """A picture that may be stored, the blob of its bytes, and the one with the same bytes in its scope, if any."""

    intake: Intake
    blob: Blob
    scope: str | None
    same: Blob | None


Keep = Callable[[Draft, Principal], Awaitable[Kept]]
"""`keep` with its collaborators bound."""


async def keep(
    draft: Draft,
    principal: Principal,
    *,
    dedupe: Dedupe,
    take_in: TakeIn,
    charge: Charge,
    scan: Scan,
    ready: Ready,
    objects: Objects,
    ledger: Ledger,
    new_id: NewId,
) -> Kept:
    """Draft -> probed, cleaned -> counted, scanned -> ledger there -> copies on the shards, which no row names yet.

    Raises an `InvalidRequest` for what can't be taken, `RateLimitExceeded`, `Unavailable`.
    """
    intake = await take_in(draft.file, draft.sha256, keep_metadata=draft.keep_metadata)
    await charge(principal, _megapixels(intake))
    await scan(draft.file)
    await ready()
    scope = scope_of(dedupe, principal)
    same = await ledger.select_same(intake.sha256, scope)
    blob = _blob(intake, new_id())
    await failpoint("upload.before_put")
    placement = await objects.put(blob.key, draft.file, blob.content_type)
    return Kept(intake, msgspec.structs.replace(blob, placement=placement), scope, same)


def _megapixels(intake: Intake) -> int:
    return -(-intake.width * intake.height * intake.frames // 1_000_000)


def _blob(intake: Intake, blob_id: UUID) -> Blob:
    return Blob(
        id=blob_id,
        sha256=intake.sha256,
        size=intake.size,
        content_type=intake.content_type,
        width=intake.width,
        height=intake.height,
        frames=intake.frames,
        placement=(),
    )


def new_image(
    draft: Draft, kept: Kept, principal: Principal, *, image_id: UUID, now: datetime, end: datetime | None
) -> Image:
    """Where the camera was is kept for an owner; of an anonymous upload nobody is, so it is forgotten."""
    return Image(
        id=image_id,
        version=1,
        blob=kept.blob,
        filename=draft.filename,
        created_at=now,
        updated_at=now,
        visibility=draft.visibility,
        owner_id=principal.user_id,
        description=draft.description,
        tags=draft.tags,
        expires_at=end,
        metadata=kept.intake.camera,
        metadata_stripped=kept.intake.metadata_stripped,
        place=kept.intake.place if principal.user_id else {},
    )
