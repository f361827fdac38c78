"""Who holds leases, as the leader of the bucket knows at this moment.

Nothing is remembered here, and nobody but the leader is asked. Methods raise the driver's errors.
"""

from datetime import datetime

import msgspec
from nats.js.api import Header
from nats.js.errors import BadRequestError, NotFoundError

from infrastructure.nats import bucket
from infrastructure.nats.session import Session


class Roll(msgspec.Struct, frozen=True):
    """Every key of the bucket, the revision of the newest record in it, and when the bucket was made."""

    holders: frozenset[str]
    newest: int
    made: datetime | None


class Holders:
    """The bucket over one session."""

    def __init__(self, session: Session, prefix: str) -> None:
        self._js = session.js
        self._prefix = prefix
        self._stream = bucket.bucket_stream(prefix)

    async def call(self) -> Roll:
        """All of them at once."""
        info = await self._js.stream_info(self._stream, subjects_filter=">")
        keys = info.state.subjects or {}
        return Roll(frozenset(key.rpartition(".")[2] for key in keys), info.state.last_seq, info.created)

    async def find(self, holder: str) -> tuple[bucket.Record | None, int]:
        """A holder's record and its revision; None when there is none."""
        try:
            message = await self._js.get_last_msg(self._stream, self._subject(holder))
        except NotFoundError:
            return None, 0
        return bucket.decode(message.data or b""), message.seq or 0

    async def addresses(self) -> dict[str, str]:
        """Where each holder says that it is, by its name, for people."""
        found = {}
        for holder in sorted((await self.call()).holders):
            record, _ = await self.find(holder)
            if record and record.state == "held":
                found[holder] = record.address
        return found

    async def expel(self, holder: str, revision: int) -> bool:
        """Overwrites a record, so that it can't be renewed any more; False when it is not at `revision` now."""
        try:
            await self._js.publish(
                self._subject(holder),
                bucket.encode(bucket.Record(None, 0, state="expelled")),
                headers={Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(revision)},
            )
        except BadRequestError:
            return False
        return True

    async def remove(self, holder: str, revision: int) -> None:
        """Forgets a record unless it was renewed after `revision`."""
        await self._js.purge_stream(self._stream, subject=self._subject(holder), seq=revision + 1)

    def _subject(self, holder: str) -> str:
        return bucket.key_subject(self._prefix, holder)
