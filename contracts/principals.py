"""Who is asking, and what of his rights the request may use."""

from enum import StrEnum
from uuid import UUID

import msgspec


class Scope(StrEnum):
    """A right that a key can be given. `admin` is over what belongs to others, and includes the other two."""

    READ = "images:read"
    WRITE = "images:write"
    ADMIN = "admin"


class CredentialKind(StrEnum):
    """A session begins with a password and may do all that its user may; a key does what its scopes say."""

    SESSION = "session"
    KEY = "key"


ORDINARY = frozenset({Scope.READ, Scope.WRITE})
"""What everybody may do with what is public or his own."""


class Principal(msgspec.Struct, frozen=True):
    """A caller. Without a `user_id` it is nobody known, and `name` says what it is called.

    `scopes` are those of the credential: `admin` is among them only while its user is one. `address` is where the
    request came from, where somebody will want to know.
    """

    user_id: UUID | None = None
    credential_id: UUID | None = None
    kind: CredentialKind | None = None
    scopes: frozenset[Scope] = ORDINARY
    address: str | None = None
    name: str = "anonymous"

    @property
    def key(self) -> str:
        """The same for all requests of a caller: `user:<id>`, `key:<id>`, `anonymous` or `system`."""
        if self.kind is CredentialKind.KEY:
            return f"key:{self.credential_id}"
        return self.name if self.user_id is None else f"user:{self.user_id}"

    @property
    def is_admin(self) -> bool:
        """Whether what belongs to others is his to change."""
        return Scope.ADMIN in self.scopes

    def is_user(self, user_id: UUID | None) -> bool:
        """Whether this is the user with this id; nobody is one without."""
        return user_id is not None and self.user_id == user_id


ANONYMOUS = Principal()

SYSTEM = Principal(scopes=frozenset(Scope), name="system")
"""Who acts when nobody asks: the worker, and the operator at the command line."""
