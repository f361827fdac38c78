"""Who is asking.

Every use case is told, so that accounts and keys can come without changing one of them.
"""

from uuid import UUID

import msgspec


class Principal(msgspec.Struct, frozen=True):
    """A caller; `user_id` is None for an anonymous one."""

    user_id: UUID | None = None


ANONYMOUS = Principal()
