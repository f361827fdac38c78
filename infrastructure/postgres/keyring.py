"""Questions about accounts and their credentials, answered by a replica or by the primary."""

from typing import NamedTuple
from uuid import UUID

from contracts.accounts import Credential, Quota, StatsView, User
from contracts.principals import CredentialKind
from infrastructure.postgres.catalogue import Reader
from infrastructure.postgres.credentials import MOST_KEYS, SELECT_CREDENTIALS, credential_of


class FoundCredential(NamedTuple):
    """A credential, or None, with everything that was committed before the position `as_of`."""

    credential: Credential | None
    as_of: int


class Keyring:
    """What can be found out about accounts, as of the position of whoever is asked. Raises Unavailable."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def select_credential(self, token_hash: bytes) -> FoundCredential:
        """The credential that a token stands for, expired or not; None when there is none."""
        found = await self._reader.read(_SELECT_CREDENTIAL, token_hash)
        return FoundCredential(credential_of(found.rows[0]) if found.rows else None, found.as_of)

    async def select_keys(self, user_id: UUID) -> tuple[Credential, ...]:
        """All API keys of a user, newest first."""
        found = await self._reader.read(_SELECT_KEYS, user_id, CredentialKind.KEY.value, MOST_KEYS)
        return tuple(credential_of(row) for row in found.rows)

    async def select_user(self, user_id: UUID) -> User | None:
        """The account; None when there is none, or none any more."""
        found = await self._reader.read(
            "SELECT id, email, created_at, is_admin FROM users WHERE id = $1 AND deleted_at IS NULL", user_id
        )
        return User(*found.rows[0]) if found.rows else None

    async def select_stats(self, user_id: UUID) -> StatsView | None:
        """What the account holds and may hold; None when there is none, or none any more."""
        found = await self._reader.read(
            """
            SELECT images_held, bytes_held, images_allowed, bytes_allowed
            FROM users
            WHERE id = $1 AND deleted_at IS NULL
            """,
            user_id,
        )
        if not found.rows:
            return None
        images, size, *allowed = found.rows[0]
        return StatsView(images, size, Quota(*allowed))


_SELECT_CREDENTIAL = f"{SELECT_CREDENTIALS} WHERE credentials.token_hash = $1"

_SELECT_KEYS = (
    f"{SELECT_CREDENTIALS} WHERE credentials.user_id = $1 AND credentials.kind = $2"
    " ORDER BY credentials.created_at DESC, credentials.id DESC LIMIT $3"
)
