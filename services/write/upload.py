"""Taking a picture in."""

from datetime import datetime
from uuid import UUID

import msgspec

from contracts.images import Blob, Image
from contracts.principals import Principal
from infrastructure.failpoints import failpoint
from infrastructure.telemetry import metrics
from services.shared.tokens import token_hash
from services.write.dedupe import Dedupe, scope_of
from services.write.draft import Draft
from services.write.ownership import require_right_to_hide
from services.write.ports import Charge, Clock, Intake, Ledger, NewId, NewToken, Objects, Ready, TakeIn


class Uploaded(msgspec.Struct, frozen=True):
    """An image that is durable from a position in the log on.

    `delete_token` is shown this once, and only to anonymous callers.
    """

    image: Image
    lsn: str
    delete_token: str | None


async def upload(
    draft: Draft,
    principal: Principal,
    *,
    dedupe: Dedupe,
    take_in: TakeIn,
    charge: Charge,
    ready: Ready,
    objects: Objects,
    ledger: Ledger,
    clock: Clock,
    new_id: NewId,
    new_token: NewToken,
) -> Uploaded:
    """Draft -> probed, cleaned -> counted -> ledger there -> copies on the shards -> row and event committed.

    The objects come first: a crash in between leaves objects that nobody points to, never a row without its
    bytes. When the commit fails or its outcome is unknown they stay, for the same reason; the ledger is asked
    beforehand so that retries during its outage don't leave copies each time. Bytes that are there already are stored
    all the same and given up with the commit: a caller can't see, or measure, that somebody has them.
    """
    require_right_to_hide(draft.visibility, principal.user_id)
    intake = await take_in(draft.file, draft.sha256, keep_metadata=draft.keep_metadata)
    await charge(principal, _megapixels(intake))
    await ready()
    scope = scope_of(dedupe, principal)
    same = await ledger.select_same(intake.sha256, scope)
    blob = _blob(intake, new_id())
    await failpoint("upload.before_put")
    placement = await objects.put(blob.key, draft.file, blob.content_type)
    stored = msgspec.structs.replace(blob, placement=placement)
    image = _image(draft, intake, stored, principal, image_id=new_id(), now=clock())
    token = new_token() if principal.user_id is None else None
    await failpoint("upload.before_insert")
    committed = await ledger.insert(
        image, delete_token_hash=token_hash(token) if token else None, scope=scope, same=same, by=principal
    )
    await failpoint("upload.before_answer")
    metrics.images_uploaded.inc()
    return Uploaded(committed.image, committed.lsn, token)


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


def _image(draft: Draft, intake: Intake, blob: Blob, principal: Principal, *, image_id: UUID, now: datetime) -> Image:
    """Where the camera was is kept for an owner; of an anonymous upload nobody is, so it is forgotten."""
    return Image(
        id=image_id,
        version=1,
        blob=blob,
        filename=draft.filename,
        created_at=now,
        updated_at=now,
        visibility=draft.visibility,
        owner_id=principal.user_id,
        description=draft.description,
        tags=draft.tags,
        metadata=intake.camera,
        metadata_stripped=intake.metadata_stripped,
        place=intake.place if principal.user_id else {},
    )
