"""Events that were given up, until somebody has them tried again."""

import enum
from collections.abc import Callable
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec
from msgspec.structs import replace

from contracts.events import Event, ImageDeleted, ImageEvent, decode
from contracts.subjects import DERIVE, ERASE, PURGE, RELAY
from infrastructure.postgres.connection import Connection, fetch
from infrastructure.postgres.events import insert_event
from infrastructure.postgres.primary import Primary
from infrastructure.postgres.rows import SELECT_IMAGES, image_of

REASON = 2000
"""Characters of a reason that are kept."""

PAGE = 1000
"""Rows that one look gives."""

_COLUMNS = "id, consumer, subject_id, type, payload, reason, attempts, quarantined_at"


class GivenUp(Protocol):
    """An event that a consumer will not try again; `event` is None when it can't be decoded."""

    @property
    def id(self) -> UUID: ...
    @property
    def consumer(self) -> str: ...
    @property
    def event(self) -> Event | None: ...
    @property
    def type(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def reason(self) -> str: ...
    @property
    def attempts(self) -> int: ...


class Quarantined(msgspec.Struct, frozen=True):
    """An event that `consumer` gave up after `attempts`. `subject_id` is None when it can't be decoded."""

    id: UUID
    consumer: str
    subject_id: UUID | None
    type: str
    payload: bytes
    reason: str
    attempts: int
    quarantined_at: datetime


class Replayed(enum.Enum):
    """What became of the wish to have an event tried again."""

    SENT = "sent"
    """It is in the outbox, under an id of its own, with its subject as it is now."""
    POINTLESS = "pointless"
    """What it is about is gone, so there is nothing to do; it has left the quarantine."""
    UNDECODABLE = "undecodable"
    """This release can't decode it either; it stays."""
    MISSING = "missing"
    """It is not in the quarantine."""


class Quarantine:
    """The table of these events. Its methods raise Unavailable."""

    def __init__(self, primary: Primary, *, clock: Callable[[], datetime], new_id: Callable[[], UUID]) -> None:
        """`clock` gives aware times; `new_id` gives the ids of events that are tried again."""
        self._primary = primary
        self._clock = clock
        self._new_id = new_id

    async def insert(self, given_up: GivenUp) -> None:
        """Keeps an event, in place of older ones of the kind that the consumer has given up about the same subject."""
        await self._primary.fetch(
            f"""
            WITH older AS (
                DELETE FROM quarantine WHERE subject_id = $3 AND consumer = $2 AND type = $4 AND id <> $1
            )

            INSERT INTO quarantine ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (id, consumer) DO UPDATE
            SET
                reason = excluded.reason,
                attempts = excluded.attempts,
                quarantined_at = excluded.quarantined_at
            """,  # noqa: S608 - a constant of this module
            given_up.id,
            given_up.consumer,
            given_up.event.subject_id if given_up.event else None,
            given_up.type,
            given_up.payload,
            given_up.reason.replace("\0", "")[:REASON],
            given_up.attempts,
            self._clock(),
        )

    async def select(self, *, subject_id: UUID | None = None, consumer: str | None = None) -> tuple[Quarantined, ...]:
        """The newest `PAGE` of them: all, or those of one subject, or of one consumer."""
        rows = await self._primary.fetch(
            f"""
            SELECT {_COLUMNS} FROM quarantine
            WHERE ($1::uuid IS NULL OR subject_id = $1) AND ($2::text IS NULL OR consumer = $2)
            ORDER BY quarantined_at DESC, id DESC
            LIMIT $3
            """,  # noqa: S608 - a constant of this module
            subject_id,
            consumer,
            PAGE,
        )
        return tuple(Quarantined(*row) for row in rows)

    async def find(self, event_id: UUID) -> tuple[Quarantined, ...]:
        """The event, once for each consumer that gave it up."""
        rows = await self._primary.fetch(
            f"SELECT {_COLUMNS} FROM quarantine WHERE id = $1 ORDER BY consumer",  # noqa: S608 - the same
            event_id,
        )
        return tuple(Quarantined(*row) for row in rows)

    async def count(self) -> dict[str, int]:
        """How many there are of each consumer."""
        rows = await self._primary.fetch("SELECT consumer, count(*) FROM quarantine GROUP BY consumer")
        return {row[0]: row[1] for row in rows}

    async def replay(self, event_id: UUID) -> Replayed:
        """Takes an event out of the quarantine and puts it into the outbox, in one transaction.

        It gets a new id, because the stream may remember the old one and take it for a duplicate. An image is told
        of as it is now: readers believe what events say.
        """

        async def work(connection: Connection) -> Replayed:
            rows = await fetch(
                connection, "SELECT consumer, payload FROM quarantine WHERE id = $1 FOR UPDATE", event_id
            )
            if not rows:
                return Replayed.MISSING
            try:
                is_cached = PURGE.name in {row["consumer"] for row in rows}
                event = await self._renewed(connection, decode(rows[0]["payload"]), is_cached=is_cached)
            except msgspec.DecodeError:
                return Replayed.UNDECODABLE
            if event is not None:
                await insert_event(connection, event)
            await fetch(connection, "DELETE FROM quarantine WHERE id = $1", event_id)
            return Replayed.SENT if event else Replayed.POINTLESS

        return (await self._primary.transact(work))[0]

    async def _renewed(self, connection: Connection, event: Event, *, is_cached: bool) -> Event | None:
        """The event as it is to be told now; None when nobody has to hear it any more.

        What caches were to forget (`is_cached`) is told even of an image that is gone, as its deletion.
        """
        event = replace(event, id=self._new_id(), occurred_at=self._clock())
        if not isinstance(event, ImageEvent):
            return event
        rows = await fetch(connection, f"{SELECT_IMAGES} WHERE images.id = $1", event.subject_id)
        image = image_of(rows[0]) if rows else None
        if image is not None and image.deleted_at is None:
            return replace(event, image=image)
        is_to_be_erased = image is not None and isinstance(event, ImageDeleted)
        if not (is_cached or is_to_be_erased):
            return None
        return ImageDeleted(event.id, event.occurred_at, image or event.image)

    async def prune(self, purges_before: datetime) -> int:
        """Takes out those that have become pointless; gives their number.

        An uploaded image that was rendered or deleted meanwhile, a deleted one whose row is gone, and what caches were
        to forget that was given up before `purges_before`.
        """
        rows = await self._primary.fetch(
            """
            DELETE FROM quarantine
            WHERE
                (consumer = $3 AND quarantined_at < $4)
                OR (subject_id IS NOT NULL AND (
                    (consumer = any($1::text[]) AND type = 'image.deleted.v1' AND NOT EXISTS (
                        SELECT 1 FROM images WHERE images.id = quarantine.subject_id
                    ))
                    OR (consumer = any($2::text[]) AND type = 'image.uploaded.v1' AND NOT EXISTS (
                        SELECT 1
                        FROM images
                        INNER JOIN blobs ON images.blob_id = blobs.id
                        WHERE
                            images.id = quarantine.subject_id
                            AND images.deleted_at IS NULL
                            AND (images.pending OR blobs.state <> 'ready')
                    ))
                ))
            RETURNING id
            """,
            [ERASE.name, RELAY],
            [DERIVE.name, RELAY],
            PURGE.name,
            purges_before,
        )
        return len(rows)
