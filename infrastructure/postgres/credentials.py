"""Sessions and API keys: statements about them, and the changes that one of them can undergo."""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

import asyncpg
from msgspec import Struct
from msgspec.structs import replace

from contracts.accounts import Credential
from contracts.audit import Deed
from contracts.errors import InvalidCredentials, InvalidField, NotFound, Unauthorized
from contracts.events import CredentialChanged, Event
from contracts.principals import CredentialKind, Principal, Scope
from infrastructure.postgres.audit import insert_deed
from infrastructure.postgres.connection import Connection, fetch
from infrastructure.postgres.events import insert_event
from infrastructure.postgres.primary import Primary

MOST_SESSIONS = 50
"""Of one user; a login beyond ends the oldest."""

MOST_KEYS = 100
"""Of one user; no more are made."""

PRUNE_ROWS = 1000
"""Expired ones deleted by one statement."""

SELECT_CREDENTIALS = """
SELECT
    credentials.id,
    credentials.version,
    credentials.token_hash,
    credentials.kind,
    credentials.user_id,
    users.is_admin,
    credentials.scopes,
    credentials.created_at,
    credentials.expires_at,
    credentials.name,
    credentials.last_used_at
FROM credentials
INNER JOIN users ON credentials.user_id = users.id
"""
"""The columns that `credential_of` expects, in its order; a WHERE clause follows it."""


def credential_of(row: asyncpg.Record) -> Credential:
    """The credential in a row of `SELECT_CREDENTIALS`."""
    return Credential(
        id=row["id"],
        version=row["version"],
        token_hash=row["token_hash"].hex(),
        kind=CredentialKind(row["kind"]),
        user_id=row["user_id"],
        user_is_admin=row["is_admin"],
        scopes=tuple(Scope(scope) for scope in row["scopes"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        name=row["name"],
        last_used_at=row["last_used_at"],
    )


class Recorded(Struct, frozen=True):
    """Changes that are durable: the events that tell of them, and a WAL position not before their commit."""

    events: tuple[Event, ...]
    lsn: str


class Credentials:
    """The sessions and keys on the primary.

    Each change is one transaction with its events and its entry in the audit log. All methods raise Unavailable, those
    that change something OutcomeUnknown too.
    """

    def __init__(self, primary: Primary, *, clock: Callable[[], datetime], new_id: Callable[[], UUID]) -> None:
        """`clock` gives aware times; `new_id` gives the ids of events and audit entries."""
        self._primary = primary
        self._clock = clock
        self._new_id = new_id

    async def select(self, token_hash: bytes) -> Credential | None:
        """The credential that a token stands for, expired or not; None when there is none."""
        rows = await self._primary.fetch(f"{SELECT_CREDENTIALS} WHERE credentials.token_hash = $1", token_hash)
        return credential_of(rows[0]) if rows else None

    async def insert_session(self, session: Credential, by: Principal, *, password_hash: str) -> Recorded:
        """Stores a new session of a user whose password is still the one with this hash.

        Raises InvalidCredentials when it isn't, or the account is gone.
        """

        async def work(connection: Connection) -> tuple[Event, ...]:
            if await lock_user(connection, session.user_id) != password_hash:
                raise InvalidCredentials
            now = self._clock()
            oldest = await _select_beyond(connection, session.user_id, MOST_SESSIONS - 1)
            ended = await self.revoke(connection, oldest, now)
            added = await self._insert(connection, session, now)
            deed = Deed(action="session.created", user_id=session.user_id, details={"credential": str(session.id)})
            await insert_deed(connection, self._new_id(), now, by, deed)
            return (*ended, added)

        return Recorded(*await self._primary.transact(work))

    async def insert_key(self, key: Credential, by: Principal) -> Recorded:
        """Stores a new API key. Raises Unauthorized when the account is gone, InvalidField when it has too many."""

        async def work(connection: Connection) -> tuple[Event, ...]:
            if await lock_user(connection, key.user_id) is None:
                raise Unauthorized
            if await _select_beyond(connection, key.user_id, MOST_KEYS - 1, CredentialKind.KEY):
                raise InvalidField(f"An account can have {MOST_KEYS} API keys at most. Delete one.", limit=MOST_KEYS)
            now = self._clock()
            added = await self._insert(connection, key, now)
            details = {"credential": str(key.id), "name": key.name, "scopes": key.scopes}
            deed = Deed(action="key.created", user_id=key.user_id, details=details)
            await insert_deed(connection, self._new_id(), now, by, deed)
            return (added,)

        return Recorded(*await self._primary.transact(work))

    async def delete(self, credential_id: UUID, kind: CredentialKind, by: Principal) -> Recorded:
        """Revokes a credential of `by`'s user. Raises NotFound when he has none of this id and kind."""

        async def work(connection: Connection) -> tuple[Event, ...]:
            rows = await fetch(
                connection,
                f"{SELECT_CREDENTIALS} WHERE credentials.id = $1 AND credentials.user_id = $2"
                " AND credentials.kind = $3 FOR UPDATE OF credentials",
                credential_id,
                by.user_id,
                kind.value,
            )
            if not rows:
                raise NotFound
            now = self._clock()
            ended = await self.revoke(connection, (credential_of(rows[0]),), now)
            details = {"credential": str(credential_id), "name": rows[0]["name"]}
            deed = Deed(action=f"{kind.value}.revoked", user_id=by.user_id, details=details)
            await insert_deed(connection, self._new_id(), now, by, deed)
            return ended

        return Recorded(*await self._primary.transact(work))

    async def touch(self, used: Mapping[UUID, datetime]) -> None:
        """Records when credentials were last used, one that is gone excepted."""
        await self._primary.fetch(
            """
            UPDATE credentials
            SET last_used_at = used.at
            FROM unnest($1::uuid[], $2::timestamptz[]) AS used (id, at)
            WHERE credentials.id = used.id AND (credentials.last_used_at < used.at OR credentials.last_used_at IS NULL)
            """,
            list(used),
            list(used.values()),
        )

    async def prune(self, before: datetime) -> int:
        """Removes what expired before a time, which nobody needs to hear of; gives the number."""
        deleted = 0
        while rows := await self._primary.fetch(
            """
            DELETE FROM credentials
            WHERE id IN (SELECT id FROM credentials WHERE expires_at < $1 LIMIT $2)
            RETURNING id
            """,
            before,
            PRUNE_ROWS,
        ):
            deleted += len(rows)
        return deleted

    async def revoke(
        self, connection: Connection, credentials: tuple[Credential, ...], now: datetime
    ) -> tuple[Event, ...]:
        """Removes locked credentials within a transaction, and says so."""
        events = []
        for credential in credentials:
            await fetch(connection, "DELETE FROM credentials WHERE id = $1", credential.id)
            events.append(await self.tell(connection, replace(credential, revoked_at=now), now))
        return tuple(events)

    async def tell(self, connection: Connection, before: Credential, now: datetime) -> Event:
        """Adds the event of a credential that is as it says, but one version further."""
        event = CredentialChanged(self._new_id(), now, replace(before, version=before.version + 1))
        await insert_event(connection, event)
        return event

    async def _insert(self, connection: Connection, credential: Credential, now: datetime) -> Event:
        await fetch(
            connection,
            """
            INSERT INTO credentials (id, version, token_hash, kind, user_id, scopes, name, created_at, expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            """,
            credential.id,
            credential.version,
            bytes.fromhex(credential.token_hash),
            credential.kind.value,
            credential.user_id,
            [scope.value for scope in credential.scopes],
            credential.name,
            credential.created_at,
            credential.expires_at,
        )
        event = CredentialChanged(self._new_id(), now, credential)
        await insert_event(connection, event)
        return event


async def lock_user(connection: Connection, user_id: UUID) -> str | None:
    """The password's hash of a live account; until the transaction ends nobody else changes the account."""
    rows = await fetch(
        connection, "SELECT password_hash FROM users WHERE id = $1 AND deleted_at IS NULL FOR UPDATE", user_id
    )
    return rows[0][0] if rows else None


async def select_all(connection: Connection, user_id: UUID) -> tuple[Credential, ...]:
    """All credentials of a user, locked."""
    rows = await fetch(
        connection,
        f"{SELECT_CREDENTIALS} WHERE credentials.user_id = $1 ORDER BY credentials.id FOR UPDATE OF credentials",
        user_id,
    )
    return tuple(credential_of(row) for row in rows)


async def _select_beyond(
    connection: Connection, user_id: UUID, most: int, kind: CredentialKind = CredentialKind.SESSION
) -> tuple[Credential, ...]:
    """A user's credentials of a kind but the `most` newest, locked."""
    rows = await fetch(
        connection,
        f"{SELECT_CREDENTIALS} WHERE credentials.user_id = $1 AND credentials.kind = $2"
        " ORDER BY credentials.created_at DESC, credentials.id DESC OFFSET $3 FOR UPDATE OF credentials",
        user_id,
        kind.value,
        most,
    )
    return tuple(credential_of(row) for row in rows)
