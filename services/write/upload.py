"""Taking a picture in."""

import msgspec

from contracts.images import Blob, Image
from contracts.principals import Principal
from infrastructure.failpoints import failpoint
from infrastructure.telemetry import metrics
from services.write.draft import Draft
from services.write.ownership import token_hash
from services.write.ports import Clock, Ledger, NewId, NewToken, Objects, Prober, Ready


class Uploaded(msgspec.Struct, frozen=True):
    """An image that is durable. `delete_token` is shown this once, and only to anonymous callers."""

    image: Image
    delete_token: str | None


async def upload(
    draft: Draft,
    principal: Principal,
    *,
    prober: Prober,
    ready: Ready,
    objects: Objects,
    ledger: Ledger,
    clock: Clock,
    new_id: NewId,
    new_token: NewToken,
) -> Uploaded:
    """Draft -> probed -> ledger there -> copies on the shards -> row and event committed -> uploaded.

    The objects come first: a crash in between leaves objects that nobody points to, never a row without its
    bytes. When the commit fails or its outcome is unknown they stay, for the same reason;
    the ledger is asked beforehand so that retries during its outage don't leave copies each time.
    """
    probe = prober(draft.file)
    await ready()
    now = clock()
    blob = Blob(
        id=new_id(),
        sha256=draft.sha256,
        size=draft.size,
        content_type=probe.content_type,
        width=probe.width,
        height=probe.height,
        frames=probe.frames,
        placement=(),
    )
    await failpoint("upload.before_put")
    placement = await objects.put(blob.key, draft.file, blob.content_type)
    image = Image(
        id=new_id(),
        version=1,
        blob=msgspec.structs.replace(blob, placement=placement),
        filename=draft.filename,
        created_at=now,
        updated_at=now,
        visibility=draft.visibility,
        owner_id=principal.user_id,
        description=draft.description,
        tags=draft.tags,
    )
    token = new_token() if principal.user_id is None else None
    await failpoint("upload.before_insert")
    committed = await ledger.insert(image, delete_token_hash=token_hash(token) if token else None)
    await failpoint("upload.before_answer")
    metrics.images_uploaded.inc()
    return Uploaded(committed.image, token)
