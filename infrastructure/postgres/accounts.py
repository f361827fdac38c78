"""Accounts of people, on the primary."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import asyncpg
from msgspec import Struct
from msgspec.structs import replace

from contracts.accounts import Quota, User
from contracts.audit import Deed
from contracts.errors import EmailExists, InvalidCredentials, NotFound
from contracts.events import Event
from contracts.principals import Principal
from infrastructure.postgres.audit import insert_deed
from infrastructure.postgres.connection import Connection, fetch
from infrastructure.postgres.credentials import Credentials, Recorded, lock_user, select_all
from infrastructure.postgres.primary import Primary

SELECT_USERS = "SELECT id, email, created_at, is_admin, password_hash FROM users WHERE deleted_at IS NULL"
"""Live accounts; further conditions follow it."""


class Account(Struct, frozen=True):
    """A user, and the hash of his password."""

    user: User
    password_hash: str


class Accounts:
    """The accounts. Each change is one transaction with its events and its entry in the audit log.

    All methods raise Unavailable, those that change something OutcomeUnknown too.
    """

    def __init__(
        self,
        primary: Primary,
        credentials: Credentials,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        """`clock` gives aware times; `new_id` gives the ids of audit entries."""
        self._primary = primary
        self._credentials = credentials
        self._clock = clock
        self._new_id = new_id

    async def insert(self, user: User, by: Principal, *, email_key: str, password_hash: str, quota: Quota) -> str:
        """Stores a new account; gives a WAL position not before its commit. Raises EmailExists."""

        async def work(connection: Connection) -> None:
            rows = await fetch(
                connection,
                """
                INSERT INTO users (
                    id, email, email_key, password_hash, is_admin, created_at, updated_at, images_allowed, bytes_allowed
                )
                VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8)
                ON CONFLICT (email_key) DO NOTHING
                RETURNING id
                """,
                user.id,
                user.email,
                email_key,
                password_hash,
                user.is_admin,
                user.created_at,
                quota.images,
                quota.bytes,
            )
            if not rows:
                raise EmailExists
            await self._record(connection, "account.created", user.id, by, admin=user.is_admin)

        return (await self._primary.transact(work))[1]

    async def select(self, user_id: UUID) -> Account | None:
        """The account; None when there is none, or none any more."""
        return _account(await self._primary.fetch(f"{SELECT_USERS} AND id = $1", user_id))

    async def select_by_email(self, email_key: str) -> Account | None:
        """The account with an address, spelled as addresses are compared."""
        return _account(await self._primary.fetch(f"{SELECT_USERS} AND email_key = $1", email_key))

    async def select_all(self, limit: int) -> tuple[User, ...]:
        """The oldest accounts."""
        rows = await self._primary.fetch(f"{SELECT_USERS} ORDER BY created_at, id LIMIT $1", limit)
        return tuple(_user(row) for row in rows)

    async def update_password_hash(self, user_id: UUID, before: str, after: str) -> None:
        """Replaces a hash by another of the same password, unless it has been replaced meanwhile."""
        await self._primary.fetch(
            "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2", user_id, before, after
        )

    async def update_password(self, user_id: UUID, before: str, after: str, by: Principal) -> Recorded:
        """Sets a new password and ends all sessions but `by`'s own. API keys stay.

        Raises InvalidCredentials when the hash is not `before` any more.
        """

        async def work(connection: Connection) -> tuple[Event, ...]:
            if await lock_user(connection, user_id) != before:
                raise InvalidCredentials
            now = self._clock()
            await fetch(
                connection,
                "UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1",
                user_id,
                after,
                now,
            )
            sessions = tuple(
                credential
                for credential in await select_all(connection, user_id)
                if credential.name is None and credential.id != by.credential_id
            )
            await self._record(connection, "account.password_changed", user_id, by)
            return await self._credentials.revoke(connection, sessions, now)

        return Recorded(*await self._primary.transact(work))

    async def update_admin(self, user_id: UUID, is_admin: bool, by: Principal) -> Recorded:
        """Makes a user an admin, or one no more; his credentials follow. Raises NotFound."""

        async def work(connection: Connection) -> tuple[Event, ...]:
            if await lock_user(connection, user_id) is None:
                raise NotFound
            now = self._clock()
            await fetch(
                connection, "UPDATE users SET is_admin = $2, updated_at = $3 WHERE id = $1", user_id, is_admin, now
            )
            credentials = await select_all(connection, user_id)
            await fetch(connection, "UPDATE credentials SET version = version + 1 WHERE user_id = $1", user_id)
            await self._record(connection, "account.admin_changed", user_id, by, admin=is_admin)
            return tuple(
                [
                    await self._credentials.tell(connection, replace(one, user_is_admin=is_admin), now)
                    for one in credentials
                ]
            )

        return Recorded(*await self._primary.transact(work))

    async def update_quota(self, user_id: UUID, quota: Quota, by: Principal) -> None:
        """Sets how much a user may hold; what he holds beyond that stays. Raises NotFound."""

        async def work(connection: Connection) -> None:
            if await lock_user(connection, user_id) is None:
                raise NotFound
            await fetch(
                connection,
                "UPDATE users SET images_allowed = $2, bytes_allowed = $3, updated_at = $4 WHERE id = $1",
                user_id,
                quota.images,
                quota.bytes,
                self._clock(),
            )
            await self._record(connection, "account.quota_changed", user_id, by, images=quota.images, bytes=quota.bytes)

        await self._primary.transact(work)

    async def mark_deleted(self, user_id: UUID, receipt_id: UUID, before: str | None, by: Principal) -> Recorded:
        """Ends an account and all its credentials, for good; its address is free again.

        Raises InvalidCredentials when the password's hash is not `before` (None: whatever it is), NotFound when there
        is no such account.
        """

        async def work(connection: Connection) -> tuple[Event, ...]:
            stored = await lock_user(connection, user_id)
            if stored is None:
                raise NotFound
            if before is not None and stored != before:
                raise InvalidCredentials
            now = self._clock()
            ended = await self._credentials.revoke(connection, await select_all(connection, user_id), now)
            await fetch(
                connection,
                """
                UPDATE users
                SET
                    email = NULL,
                    email_key = NULL,
                    password_hash = NULL,
                    is_admin = FALSE,
                    updated_at = $2,
                    deleted_at = $2
                WHERE id = $1
                """,
                user_id,
                now,
            )
            await insert_deed(connection, receipt_id, now, by, Deed(action="account.deleted", user_id=user_id))
            return ended

        return Recorded(*await self._primary.transact(work))

    async def _record(
        self, connection: Connection, action: str, user_id: UUID, by: Principal, **details: object
    ) -> None:
        deed = Deed(action=action, user_id=user_id, details=details)
        await insert_deed(connection, self._new_id(), self._clock(), by, deed)


def _account(rows: list[asyncpg.Record]) -> Account | None:
    return Account(_user(rows[0]), rows[0]["password_hash"]) if rows else None


def _user(row: asyncpg.Record) -> User:
    return User(row["id"], row["email"], row["created_at"], row["is_admin"])
