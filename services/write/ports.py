"""What the write service's use cases need from outside, as narrowly as they need it."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, BinaryIO, Protocol
from uuid import UUID

from contracts.accounts import Credential, Quota, User
from contracts.audit import Deed
from contracts.events import Event
from contracts.images import Blob, Image
from contracts.principals import CredentialKind, Principal

Clock = Callable[[], datetime]
NewId = Callable[[], UUID]
NewToken = Callable[[], str]
NewCredentialToken = Callable[[CredentialKind], str]

ReadEmail = Callable[[str], str]
"""The e-mail address in its normal spelling. Raises `InvalidField`."""

Sign = Callable[[str, int, datetime], str]
"""The address that opens a path of an image with a link epoch until a time."""

EmailKey = Callable[[str], str]
"""What addresses are compared by; never raises."""

Ready = Callable[[], Awaitable[None]]
"""Returns when the ledger answers. Raises `Unavailable`."""


Charge = Callable[[Principal, int], Awaitable[None]]
"""Counts millions of pixels that a caller wants to have rendered. Raises `RateLimitExceeded`, `Unavailable`."""


class Intake(Protocol):
    """A picture that may be stored. `size` and `sha256` are of the file as it is to be stored, lengths in pixels.

    `camera` is for everyone who may see the picture, `place` for its owner alone.
    """

    @property
    def content_type(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def frames(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def sha256(self) -> str: ...
    @property
    def metadata_stripped(self) -> bool: ...
    @property
    def camera(self) -> dict[str, Any]: ...
    @property
    def place(self) -> dict[str, float]: ...


class TakeIn(Protocol):
    """Reads a picture's header and makes the file what is to be stored. `sha256` is the file's own, as it was sent.

    Raises an `InvalidRequest` for anything that can't be taken, `Unavailable` when the disk is full.
    """

    def __call__(self, file: BinaryIO, sha256: str, *, keep_metadata: bool) -> Awaitable[Intake]: ...


class Scanner(Protocol):
    """Something that knows malware."""

    async def scan(self, file: BinaryIO) -> str | None:
        """What was found in a file; None when it is clean. Raises `Unavailable` when there is no verdict."""
        ...


Scan = Callable[[BinaryIO], Awaitable[None]]
"""Passes for a file that may be kept. Raises `InvalidImage`, and `Unavailable` when that can't be found out."""


class Objects(Protocol):
    """Where bytes are kept."""

    async def put(self, key: str, body: BinaryIO, content_type: str) -> tuple[str, ...]:
        """Stores all copies; returns the shards that hold them. Raises `Unavailable`."""
        ...


class Stored(Protocol):
    """An image as the ledger has it, with what only its uploader can prove."""

    @property
    def image(self) -> Image: ...
    @property
    def delete_token_hash(self) -> bytes | None: ...


class Committed(Protocol):
    """An image as it is after a commit, the position of that commit in the log, and the event that tells of it."""

    @property
    def image(self) -> Image: ...
    @property
    def lsn(self) -> str: ...
    @property
    def event(self) -> Event: ...


class Once(Protocol):
    """An upload that may be sent again, as it is stored: hashes of its key and of what it asks for, and a salt."""

    @property
    def key(self) -> bytes: ...
    @property
    def request(self) -> bytes: ...
    @property
    def salt(self) -> bytes | None: ...


class Earlier(Protocol):
    """An upload that was committed under a key: what it asked for, the image it was answered with, and its salt."""

    @property
    def request(self) -> bytes: ...
    @property
    def image(self) -> Image: ...
    @property
    def salt(self) -> bytes | None: ...
    @property
    def lsn(self) -> str: ...


class Ledger(Protocol):
    """The primary's truth. Each call writes the row, its event and its entry in the audit log together, or none.

    Raises `Unavailable` when the primary can't be reached, `OutcomeUnknown` when it was lost during the commit.
    """

    async def select_same(self, sha256: str, scope: str | None) -> Blob | None:
        """The blob with these bytes that images of this scope share; without a scope none."""
        ...

    async def select_earlier(self, key: bytes) -> Earlier | None:
        """The upload that was committed under an idempotency key, if there was one."""
        ...

    async def insert(
        self,
        image: Image,
        *,
        delete_token_hash: bytes | None,
        scope: str | None,
        same: Blob | None,
        once: Once | None,
        by: Principal,
    ) -> Committed | None:
        """Stores an image with its own blob or, where there is one with the same bytes in its scope, with that.

        `same` is what `select_same` found. When the image's own blob is not needed its objects are given up. None, and
        nothing done but that, when an upload was committed under the key of `once`.
        """
        ...

    async def update(self, image_id: UUID, decide: Callable[[Stored], Image], *, by: Principal) -> Committed: ...

    async def withdraw(self, image_id: UUID, decide: Callable[[Stored], bool], *, by: Principal) -> Committed:
        """Puts an image into the trash where `decide` says so, else deletes it for good."""
        ...

    async def note(self, image_id: UUID, decide: Callable[[Stored], Deed], *, by: Principal) -> None:
        """Adds an entry about an image to the audit log and changes nothing else."""
        ...


Settle = Callable[[Event, str], Awaitable[None]]
"""Returns when nobody can be shown any more what an event, committed at a position of the log, took away."""


Purge = Callable[[str], Awaitable[None]]
"""Returns when no cache before the gateway gives out what carries a tag any more. Raises `Unavailable`."""


class Audience(Protocol):
    """The read services, over NATS."""

    async def tell(self, event: Event, lsn: str) -> str:
        """Publishes an event; returns when each read service has applied it or may not answer from memory any more.

        Says what that took, in a word. Raises `Unavailable` when NATS fails.
        """
        ...

    async def restored(self) -> None:
        """Waits, for as long as it takes, until they can be told again."""
        ...


class Account(Protocol):
    """A user, and the hash of his password."""

    @property
    def user(self) -> User: ...
    @property
    def password_hash(self) -> str: ...


class Recorded(Protocol):
    """Changes that are durable: the events that tell of them, and the position of their commit in the log."""

    @property
    def events(self) -> tuple[Event, ...]: ...
    @property
    def lsn(self) -> str: ...


class Accounts(Protocol):
    """Accounts on the primary; each change comes with its events and its entry in the audit log.

    Raises `Unavailable` and `OutcomeUnknown` as the ledger does.
    """

    async def insert(self, user: User, by: Principal, *, email_key: str, password_hash: str, quota: Quota) -> str:
        """Gives the position of the commit. Raises `EmailExists`."""
        ...

    async def select(self, user_id: UUID) -> Account | None: ...

    async def select_by_email(self, email_key: str) -> Account | None: ...

    async def update_password_hash(self, user_id: UUID, before: str, after: str) -> None: ...

    async def update_password(self, user_id: UUID, before: str, after: str, by: Principal) -> Recorded:
        """Ends all sessions but `by`'s own. Raises `InvalidCredentials` when the hash is not `before` any more."""
        ...

    async def update_admin(self, user_id: UUID, is_admin: bool, by: Principal) -> Recorded:
        """Raises `NotFound`."""
        ...

    async def mark_deleted(self, user_id: UUID, receipt_id: UUID, before: str | None, by: Principal) -> Recorded:
        """Ends account and credentials. Raises `NotFound`, and `InvalidCredentials` when the hash is another."""
        ...


class Departures(Protocol):
    """Deletes what belonged to deleted accounts. Raises `Unavailable` and `OutcomeUnknown` as the ledger does."""

    async def delete_images(self, owner_id: UUID, limit: int, by: Principal) -> Recorded: ...

    async def count_images(self, owner_id: UUID) -> int: ...


class Credentials(Protocol):
    """Sessions and API keys on the primary. Raises `Unavailable` and `OutcomeUnknown` as the ledger does."""

    async def insert_session(self, session: Credential, by: Principal, *, password_hash: str) -> Recorded:
        """Raises `InvalidCredentials` when the password's hash is another one by now."""
        ...

    async def insert_key(self, key: Credential, by: Principal) -> Recorded:
        """Raises `Unauthorized` when the account is gone, `InvalidField` when it has too many keys."""
        ...

    async def delete(self, credential_id: UUID, kind: CredentialKind, by: Principal) -> Recorded:
        """Raises `NotFound` unless `by`'s user has it."""
        ...


class Verdict(Protocol):
    """Whether a password is right, and whether its hash should be made anew."""

    @property
    def right(self) -> bool: ...
    @property
    def outdated(self) -> bool: ...


class Passwords(Protocol):
    """Hashes and judges passwords, a few at a time. Raises `Unavailable` when too many wait."""

    async def hash(self, password: str) -> str: ...

    async def verify(self, password: str, stored: str | None) -> Verdict:
        """Takes as long without a stored hash as with one."""
        ...

    async def is_guessable(self, password: str, email: str) -> bool: ...


class Attempts(Protocol):
    """Bounds how often something is tried."""

    async def take(self, what: str, limit: int, period: float) -> None:
        """Counts an attempt, of which there may be `limit` in `period` seconds. Raises `RateLimitExceeded`."""
        ...

    async def forget(self, what: str) -> None:
        """Attempts at this were right in the end, so that they count no more."""
        ...
