"""What bringing along needs from outside."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from contracts.accounts import Quota, User
from contracts.principals import Principal


class OldUser(Protocol):
    """An account as the other system has it."""

    @property
    def id(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def password_hash(self) -> str | None: ...
    @property
    def is_active(self) -> bool: ...
    @property
    def created_at(self) -> datetime: ...


class OldImage(Protocol):
    """An image as the other system has it; `delete_token_hash` is the hexadecimal SHA-256 of the token."""

    @property
    def id(self) -> str: ...
    @property
    def filename(self) -> str: ...
    @property
    def storage_key(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def user_id(self) -> str | None: ...
    @property
    def delete_token_hash(self) -> str | None: ...
    @property
    def tags(self) -> tuple[str, ...]: ...


class Original(Protocol):
    """The other system's rows, in the order of their ids. Raises `Unavailable`."""

    async def users(self, after: str, limit: int) -> Sequence[OldUser]: ...

    async def images(self, after: str, limit: int) -> Sequence[OldImage]: ...


class Files(Protocol):
    """The other system's files. Raises `Unavailable`."""

    async def read(self, name: str, limit: int) -> bytes | None:
        """A file, no more of it than one byte over the limit; None when there is none. Raises `Refused` for one that
        can't be read while others can.
        """
        ...


class Known(Protocol):
    """Which ids have been used here already. Raises `Unavailable`."""

    async def images(self, ids: Sequence[UUID]) -> set[UUID]: ...

    async def users(self, ids: Sequence[UUID]) -> set[UUID]: ...

    async def owners(self, ids: Sequence[UUID]) -> set[UUID]:
        """Those of accounts that can have images."""
        ...


class Accounts(Protocol):
    """Accounts on the primary. Raises `Unavailable` and `OutcomeUnknown`."""

    async def insert(self, user: User, by: Principal, *, email_key: str, password_hash: str, quota: Quota) -> str:
        """Raises `EmailExists`."""
        ...


Spend = Callable[[int], Awaitable[None]]
"""Returns when so many bytes may be moved."""
