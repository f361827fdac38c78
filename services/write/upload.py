"""Taking a picture in."""

from datetime import datetime, timedelta

import msgspec

from contracts.errors import Unavailable
from contracts.images import Image
from contracts.principals import Principal
from infrastructure.failpoints import failpoint
from infrastructure.telemetry import metrics
from services.shared.tokens import token_hash
from services.write.draft import Draft
from services.write.idempotency import Keyed, Once, delete_token, require_same
from services.write.keep import Keep, new_image
from services.write.ownership import require_right_to_hide
from services.write.ports import Clock, Earlier, Ledger, NewId, NewToken


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
    keyed: Keyed | None = None,
    *,
    keep: Keep,
    ledger: Ledger,
    clock: Clock,
    new_id: NewId,
    new_token: NewToken,
    anonymous_expiry: int = 0,
) -> Uploaded:
    """Draft -> probed, cleaned -> counted, scanned -> ledger there -> copies on the shards -> row and event committed.

    The objects come first: a crash in between leaves objects that nobody points to, never a row without its
    bytes. When the commit fails or its outcome is unknown they stay, for the same reason; the ledger is asked
    beforehand so that retries during its outage don't leave copies each time. Bytes that are there already are stored
    all the same and given up with the commit: a caller can't see, or measure, that somebody has them.

    Without a word of its own an anonymous upload expires after `anonymous_expiry` seconds; 0 is never.
    An upload that was committed under the same key is answered again; `IdempotencyKeyReused` when it was another one.
    """
    require_right_to_hide(draft.visibility, principal.user_id)
    if keyed and (earlier := await ledger.select_earlier(keyed.key)):
        return _again(keyed, earlier)
    kept = await keep(draft, principal)
    now = clock()
    end = _end(draft, principal, anonymous_expiry, now)
    image = new_image(draft, kept, principal, image_id=new_id(), now=now, end=end)
    token, once = _proofs(principal, keyed, new_token)
    await failpoint("upload.before_insert")
    committed = await ledger.insert(
        image,
        delete_token_hash=token_hash(token) if token else None,
        scope=kept.scope,
        same=kept.same,
        once=once,
        by=principal,
    )
    if committed is None:
        return await _overtaken(keyed, ledger)
    await failpoint("upload.before_answer")
    metrics.images_uploaded.inc()
    return Uploaded(committed.image, committed.lsn, token)


def _proofs(principal: Principal, keyed: Keyed | None, new_token: NewToken) -> tuple[str | None, Once | None]:
    """The delete token of an anonymous upload, and what is stored of a key; a key's token can be made again."""
    token = new_token() if principal.user_id is None else None
    if keyed is None:
        return token, None
    salt = token.encode() if token else None
    return _token(keyed, salt), Once(keyed.key, keyed.request, salt)


def _token(keyed: Keyed, salt: bytes | None) -> str | None:
    return delete_token(keyed, salt) if salt else None


def _again(keyed: Keyed, earlier: Earlier) -> Uploaded:
    require_same(keyed, earlier)
    return Uploaded(earlier.image, earlier.lsn, _token(keyed, earlier.salt))


async def _overtaken(keyed: Keyed | None, ledger: Ledger) -> Uploaded:
    """The answer to an upload whose key was written while its bytes were being stored."""
    earlier = await ledger.select_earlier(keyed.key) if keyed else None
    if keyed is None or earlier is None:
        raise Unavailable
    return _again(keyed, earlier)


def _end(draft: Draft, principal: Principal, anonymous_expiry: int, now: datetime) -> datetime | None:
    seconds = draft.expires_in or (anonymous_expiry if principal.user_id is None else 0)
    return now + timedelta(seconds=seconds) if seconds else None
