"""Bringing pictures along, on the way that uploads take: what they are is decided by their bytes."""

import asyncio
import hashlib
import io
import re
from collections.abc import Sequence
from uuid import UUID

from contracts.errors import InvalidField, InvalidRequest, QuotaExceeded, Refused
from contracts.principals import ANONYMOUS, SYSTEM, Principal
from services.shared.side_by_side import side_by_side
from services.write import words
from services.write.bring.bring_users import as_id
from services.write.bring.ports import Files, Known, OldImage, Original, Spend
from services.write.bring.report import Outcome, Problem, Step, Tally, Told
from services.write.draft import Draft
from services.write.keep import Keep, Kept, new_image
from services.write.ports import Ledger

PAGE = 200
WIDTH = 4
"""Images that are asked about at once; files in hand at once, in memory."""

_sha256 = re.compile(r"[0-9a-f]{64}")


class BringImage:
    """Brings one image along. Safe to repeat: who asks `Known` first does nothing twice."""

    def __init__(
        self,
        *,
        files: Files,
        keep: Keep,
        ledger: Ledger,
        max_file_size: int,
        keep_metadata: bool,
        spend: Spend,
    ) -> None:
        self._files = files
        self._keep = keep
        self._ledger = ledger
        self._max_file_size = max_file_size
        self._keep_metadata = keep_metadata
        self._spend = spend

    async def __call__(self, old: OldImage, image_id: UUID, owner_id: UUID | None, tally: Tally) -> tuple[Outcome, str]:
        """File -> stored like an upload -> row with the id and the time that it had. Raises `Unavailable`."""
        try:
            data = await self._files.read(old.storage_key, self._max_file_size)
        except Refused as error:
            return Outcome.UNREADABLE, error.detail
        if data is None:
            return Outcome.MISSING, f"there is no {old.storage_key}"
        if len(data) > self._max_file_size:
            return Outcome.REFUSED, f"it has more than {self._max_file_size:,} bytes"
        await self._spend(len(data))
        draft, cut = await self._draft(old, data)
        try:
            kept = await self._insert(old, image_id, owner_id, draft)
        except (InvalidRequest, QuotaExceeded) as error:
            return Outcome.REFUSED, error.detail
        tally.retyped += kept.blob.content_type != old.content_type
        tally.cut += bool(cut)
        return Outcome.IMPORTED, cut

    async def _draft(self, old: OldImage, data: bytes) -> tuple[Draft, str]:
        """As if it were uploaded; and what was cut off."""
        name, tags, cut = _fitting(old)
        draft = Draft(
            file=io.BytesIO(data),
            sha256=await asyncio.to_thread(_digest, data),
            filename=name,
            tags=tags,
            keep_metadata=self._keep_metadata,
        )
        return draft, cut

    async def _insert(self, old: OldImage, image_id: UUID, owner_id: UUID | None, draft: Draft) -> Kept:
        owner = Principal(user_id=owner_id) if owner_id else ANONYMOUS
        kept = await self._keep(draft, owner)
        await self._ledger.insert(
            new_image(draft, kept, owner, image_id=image_id, now=old.created_at, end=None),
            delete_token_hash=_token_hash(old) if owner_id is None else None,
            scope=kept.scope,
            same=kept.same,
            once=None,
            by=SYSTEM,
        )
        return kept


async def bring_images(
    *, original: Original, known: Known, bring: BringImage, tally: Tally, told: Told, step: Step
) -> None:
    """Old images -> new ones, under their ids; what came before is passed over. Raises `Unavailable`."""
    after = ""
    while page := await original.images(after, PAGE):
        after = page[-1].id
        await _bring_page(page, known=known, bring=bring, tally=tally, told=told, step=step)


async def _bring_page(
    page: Sequence[OldImage], *, known: Known, bring: BringImage, tally: Tally, told: Told, step: Step
) -> None:
    there = await known.images([image_id for old in page if (image_id := as_id(old.id))])
    owners = await known.owners([owner_id for old in page if (owner_id := as_id(old.user_id))])
    rest = iter(page)

    async def one_after_another() -> None:
        for old in rest:
            outcome, reason = await _bring_one(old, there, owners, bring, tally)
            tally.images[outcome] += 1
            step("images")
            if reason:
                told(Problem("image", old.id, outcome, reason))

    await side_by_side(WIDTH, one_after_another)


async def _bring_one(
    old: OldImage, there: set[UUID], owners: set[UUID], bring: BringImage, tally: Tally
) -> tuple[Outcome, str]:
    image_id, owner_id = as_id(old.id), as_id(old.user_id)
    if image_id is None:
        return Outcome.UNUSABLE, "its id is no UUID"
    if image_id in there:
        return Outcome.THERE, ""
    if old.user_id is not None and owner_id not in owners:
        return Outcome.NO_OWNER, f"there is no account {old.user_id}"
    return await bring(old, image_id, owner_id, tally)


def _fitting(old: OldImage) -> tuple[str, tuple[str, ...], str]:
    """Name and tags as they can be here, and what was cut off of them, in words; nobody is asked to shorten them."""
    cut = []
    try:
        name = words.filename(old.filename)
    except InvalidField:
        name = words.cut_filename(old.filename)
        cut.append(f"its name is cut to {words.MAX_FILENAME:,} characters")
    try:
        tags = words.tags(list(old.tags))
    except InvalidField:
        tags = words.cut_tags(list(old.tags))
        cut.append(f"its tags are cut to {words.MAX_TAGS} of {words.MAX_TAG} characters")
    return name, tags, ", ".join(cut)


def _token_hash(old: OldImage) -> bytes | None:
    """What its deletion can be proved by; None where that is no hash."""
    text = (old.delete_token_hash or "").lower()
    return bytes.fromhex(text) if _sha256.fullmatch(text) else None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
