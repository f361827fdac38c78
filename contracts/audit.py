"""What the audit log says: who did what, to which image or account."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done. `details` are facts that may be kept: never a secret, a password or a token."""

    action: str
    image_id: UUID | None = None
    user_id: UUID | None = None
    details: dict[str, Any] = {}


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A deed as it stands in the log. `actor` is the key of a principal, or `system` for what nobody asked for."""

    id: UUID
    recorded_at: datetime
    actor: str
    actor_user_id: UUID | None
    address: str | None
    action: str
    image_id: UUID | None
    user_id: UUID | None
    details: dict[str, Any]
    request_id: str | None
