"""What the write service itself can be told."""

from typing import Annotated

import msgspec

from contracts.accounts import Quota
from services.shared.bounds import TEN_YEARS
from services.write.dedupe import Dedupe

Positive = Annotated[int, msgspec.Meta(ge=1)]
Natural = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=TEN_YEARS)]


class WriteConfig(msgspec.Struct, frozen=True):
    """`max_file_size` is in bytes (25 MiB). `dedupe` says whose uploads of the same bytes are stored once.
    `trash` is how many seconds people can restore what they have deleted (30 days); with 0 deleting is final.
    """

    max_file_size: Positive = msgspec.field(name="CHITRAM_MAX_FILE_SIZE", default=25 << 20)
    trash: Seconds = msgspec.field(name="CHITRAM_TRASH", default=30 * 86_400)
    dedupe: Dedupe = msgspec.field(name="CHITRAM_DEDUPE", default=Dedupe.GLOBAL)


class GateConfig(msgspec.Struct, frozen=True):
    """How many uploads, and of how many bytes together (512 MiB), a service takes in hand at a time."""

    uploads: Positive = msgspec.field(name="CHITRAM_UPLOADS_IN_HAND", default=64)
    size: Positive = msgspec.field(name="CHITRAM_UPLOAD_BYTES_IN_HAND", default=512 << 20)


class AccountsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Whether callers without an account may upload, how many seconds a login lasts (30 days), how many attempts to log
    in there may be in five minutes at one account and from one network, and how many accounts one network may make
    in an hour. A new account may hold so many images, and so many bytes; 0 sets no limit.
    `anonymous_expiry` is after how many seconds anonymous uploads expire that don't say it themselves; 0 is never.
    """

    anonymous_uploads: bool = msgspec.field(name="CHITRAM_ANONYMOUS_UPLOADS", default=True)
    anonymous_expiry: Seconds = msgspec.field(name="CHITRAM_ANONYMOUS_EXPIRY", default=0)
    session_seconds: Annotated[int, msgspec.Meta(ge=1, le=TEN_YEARS)] = msgspec.field(
        name="CHITRAM_SESSION_SECONDS", default=30 * 86_400
    )
    logins: Positive = msgspec.field(name="CHITRAM_LOGINS", default=10)
    network_logins: Positive = msgspec.field(name="CHITRAM_NETWORK_LOGINS", default=100)
    registrations: Positive = msgspec.field(name="CHITRAM_REGISTRATIONS", default=20)
    quota_images: Natural = msgspec.field(name="CHITRAM_QUOTA_IMAGES", default=0)
    quota_bytes: Natural = msgspec.field(name="CHITRAM_QUOTA_BYTES", default=0)

    @property
    def quota(self) -> Quota:
        """What a new account may hold."""
        return Quota(self.quota_images or None, self.quota_bytes or None)
