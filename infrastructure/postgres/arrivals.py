"""How an image comes in: with a blob of its own, or to the blob that has the same bytes.

Each is one statement, so that an upload waits for one round trip; and both take as long, so that nobody learns from
the clock whether his bytes were here before.
"""

from typing import NamedTuple

import asyncpg

from contracts.events import ImageUploaded
from contracts.images import Blob, Image
from infrastructure.postgres.events import event_values
from infrastructure.postgres.idempotency import CONSTRAINT, Once
from infrastructure.postgres.primary import Primary
from infrastructure.postgres.rows import blob_of, json_text

QUOTA = "users_quota"
"""What the trigger that counts an owner's images calls his limit."""


class KeyTaken(Exception):
    """The key that an upload was sent with was written meanwhile; nothing was done."""


class QuotaUsedUp(Exception):
    """The owner has no room for the image; nothing was done."""


async def select_same(primary: Primary, sha256: str, scope: str) -> Blob | None:
    """The blob with these bytes that images of this scope share, as it is without what was made of it."""
    rows = await primary.ask(
        """
        SELECT id, sha256, size, content_type, width, height, frames, placement, '[]', NULL, NULL, NULL
        FROM blobs
        WHERE sha256 = $1 AND scope = $2
        """,
        bytes.fromhex(sha256),
        scope,
    )
    return blob_of(rows[0]) if rows else None


class Arrival(NamedTuple):
    """What comes in: the event with the image, and what is not to be told.

    `entry` is a row of the audit log, `once` what is kept of an upload that may be sent again.
    """

    event: ImageUploaded
    delete_token_hash: bytes | None
    scope: str | None
    entry: tuple[object, ...]
    once: Once | None

    @property
    def values(self) -> tuple[object, ...]:
        """The arguments of `_INSERT_IMAGE`."""
        key = (self.once.key, self.once.request, self.once.salt) if self.once else (None, None, None)
        return (*_image_values(self.event.image, self.delete_token_hash), *event_values(self.event), *self.entry, *key)


async def insert_with_blob(primary: Primary, arrival: Arrival) -> str | None:
    """Stores image, blob, event and entry; gives a WAL position, or None when the scope has a blob with these bytes.

    Raises KeyTaken or QuotaUsedUp, as `insert_beside` does.
    """
    blob = arrival.event.image.blob
    return await _insert(
        primary,
        f"""
        WITH blob AS (
            INSERT INTO blobs
                (id, sha256, size, content_type, width, height, frames, placement, scope, state, created_at)
            VALUES ($36, $37, $5, $4, $38, $39, $40, $41, $42, 'processing', $14)
            ON CONFLICT (sha256, scope) WHERE scope IS NOT NULL DO NOTHING
            RETURNING id
        ),
        {_INSERT_IMAGE}
        """,  # noqa: S608 - a constant of this module
        *arrival.values,
        blob.id,
        bytes.fromhex(blob.sha256),
        blob.width,
        blob.height,
        blob.frames,
        blob.placement,
        arrival.scope,
    )


async def insert_beside(primary: Primary, arrival: Arrival, spare: Blob) -> str | None:
    """Stores an image that has a blob with others, its event and entry; the objects of `spare` are given up.

    Gives a WAL position, or None when the blob has gone meanwhile or its bytes have moved. Who removes a blob, or
    changes its placement, locks it for update: then this waits and looks again, and what the event says is true.
    """
    blob = arrival.event.image.blob
    return await _insert(
        primary,
        f"""
        WITH blob AS (
            SELECT id FROM blobs
            WHERE id = $36 AND scope = $37 AND placement = $38
            FOR KEY SHARE
        ),

        given_up AS (
            INSERT INTO discarded (key, shard, not_before)
            SELECT $39, spare.shard, $14 FROM blob, unnest($40::text[]) AS spare (shard)
        ),
        {_INSERT_IMAGE}
        """,  # noqa: S608 - a constant of this module
        *arrival.values,
        blob.id,
        arrival.scope,
        blob.placement,
        spare.key,
        spare.placement,
    )


async def _insert(primary: Primary, statement: str, *arguments: object) -> str | None:
    try:
        inserted, lsn = await primary.write(statement, *arguments)
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == CONSTRAINT:
            raise KeyTaken from None
        raise
    except asyncpg.CheckViolationError as error:
        if error.constraint_name == QUOTA:
            raise QuotaUsedUp from None
        raise
    return lsn if inserted else None


_INSERT_IMAGE = """
image AS (
    INSERT INTO images (
        id, blob_id, version, filename, content_type, file_size, visibility, owner_id, delete_token_hash,
        description, tags, metadata, metadata_stripped, place, created_at, updated_at, expires_at, pending
    )
    SELECT $1, blob.id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16::timestamptz, TRUE FROM blob
),

entry AS (
    INSERT INTO audit (
        id, recorded_at, actor, actor_user_id, address, action, image_id, user_id, details, request_id
    )
    SELECT $23, $24, $25, $26, $27, $28, $29, $30, $31, $32 FROM blob
),

once AS (
    INSERT INTO idempotency_keys (key, request, salt, answer, created_at)
    SELECT $33, $34, $35, $21, $14 FROM blob WHERE $33::bytea IS NOT NULL
)

INSERT INTO outbox (id, subject_id, version, type, payload, created_at)
SELECT $17, $18, $19, $20, $21, $22 FROM blob
RETURNING id
"""
"""Arguments 1 to 16 are the image's, 17 to 22 the event's, 23 to 32 those of the entry in the audit log, and 33 to 35
those of the key that the upload was sent with.
"""


def _image_values(image: Image, delete_token_hash: bytes | None) -> tuple[object, ...]:
    return (
        image.id,
        image.version,
        image.filename,
        image.blob.content_type,
        image.blob.size,
        image.visibility.value,
        image.owner_id,
        delete_token_hash,
        image.description,
        image.tags,
        json_text(image.metadata),
        image.metadata_stripped,
        json_text(image.place),
        image.created_at,
        image.updated_at,
        image.expires_at,
    )
