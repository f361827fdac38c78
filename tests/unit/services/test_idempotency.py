"""Uploads under a key, against a small model: whatever is lost, repeated or forgotten, one key is one upload."""

import asyncio
import hashlib
import io
from datetime import UTC, datetime
from itertools import count
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from contracts.errors import IdempotencyKeyReused, InvalidRequest, OutcomeUnknown
from contracts.images import Image
from contracts.principals import ANONYMOUS, Principal
from services.shared.tokens import token_hash
from services.write.draft import Draft
from services.write.http.bodies import read_idempotency_key
from services.write.idempotency import delete_token, keyed
from services.write.keep import Kept
from services.write.upload import Uploaded, upload
from tests.unit import samples

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CALLERS = (ANONYMOUS, Principal(UUID(int=1)), Principal(UUID(int=2)))
KEYS = ("0123456789abcdef", "fedcba9876543210")
BODIES = ("00" * 32, "11" * 32)


def draft(sha256: str, tags: tuple[str, ...] = ()) -> Draft:
    return Draft(file=io.BytesIO(), sha256=sha256, filename="a.jpg", tags=tags)


class Intake(msgspec.Struct):
    metadata_stripped: bool = False
    camera: dict = {}
    place: dict = {}


class Row(msgspec.Struct):
    """What is kept of an upload with a key."""

    request: bytes
    image: Image
    salt: bytes | None
    lsn: str = "0/1"


class Committed(msgspec.Struct):
    image: Image
    lsn: str = "0/1"


class World:
    """Everything an upload uses, in memory: rows appear at once or not at all, and an answer may be lost."""

    def __init__(self) -> None:
        self.rows: dict[bytes, Row] = {}
        self.images: dict[UUID, bytes | None] = {}
        self.loses_the_answer = False
        self._serial = count()

    async def keep(self, *_):
        return Kept(Intake(), samples.blob(), scope=None, same=None)

    async def select_earlier(self, key):
        return self.rows.get(key)

    async def insert(self, image, *, delete_token_hash, once, **_):
        if once:
            if once.key in self.rows:
                return None
            self.rows[once.key] = Row(once.request, image, once.salt)
        self.images[image.id] = delete_token_hash
        if self.loses_the_answer:
            raise OutcomeUnknown
        return Committed(image)

    def send(self, caller: Principal, secret: str, sent: Draft) -> Uploaded:
        return asyncio.run(self.sending(caller, secret, sent))

    async def sending(self, caller: Principal, secret: str, sent: Draft) -> Uploaded:
        return await upload(
            sent,
            caller,
            keyed(secret, caller, sent),
            keep=self.keep,
            ledger=self,
            clock=lambda: NOW,
            new_id=uuid4,
            new_token=lambda: f"token-{next(self._serial)}",
        )


class SendingAgain(RuleBasedStateMachine):
    """The model knows, for each caller and key, what was asked first and what was answered."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.asked: dict[tuple[Principal, str], Draft] = {}
        self.answers: dict[tuple[Principal, str], Uploaded] = {}
        self.accepted = 0

    @rule(
        caller=st.sampled_from(CALLERS),
        secret=st.sampled_from(KEYS),
        form=st.tuples(st.sampled_from(BODIES), st.sampled_from([(), ("a",)])),
        times=st.integers(1, 4),
        loses=st.booleans(),
    )
    def send(self, caller, secret, form, times, loses):
        """Some requests at once, whose answers may be lost."""
        sent = draft(*form)
        self.world.loses_the_answer = loses
        known = (caller, secret) in self.asked

        async def all_at_once():
            sending = (self.world.sending(caller, secret, sent) for _ in range(times))
            return await asyncio.gather(*sending, return_exceptions=True)

        outcomes = asyncio.run(all_at_once())
        first = self.asked.setdefault((caller, secret), sent)
        if not known:
            self.accepted += 1
        for outcome in outcomes:
            if isinstance(outcome, OutcomeUnknown):
                assert loses
                assert not known
            elif (first.sha256, first.tags) != form:
                assert isinstance(outcome, IdempotencyKeyReused)
            else:
                assert outcome == self.answers.setdefault((caller, secret), outcome)
                self._check_token(caller, outcome)

    @rule(caller=st.sampled_from(CALLERS), secret=st.sampled_from(KEYS))
    def forget(self, caller, secret):
        """The key's day is over."""
        self.world.rows.pop(keyed(secret, caller, draft(BODIES[0])).key, None)
        self.asked.pop((caller, secret), None)
        self.answers.pop((caller, secret), None)

    @invariant()
    def each_key_is_one_image(self):
        """However often it was sent."""
        assert len(self.world.images) == self.accepted

    def _check_token(self, caller: Principal, uploaded: Uploaded) -> None:
        stored = self.world.images[uploaded.image.id]
        if caller is ANONYMOUS:
            assert stored == token_hash(uploaded.delete_token)
        else:
            assert stored is None
            assert uploaded.delete_token is None


SendingAgain.TestCase.settings = settings(max_examples=40, stateful_step_count=20)
TestSendingAgain = SendingAgain.TestCase


def test_a_token_needs_both_the_key_and_its_salt():
    """And looks like a random one."""
    one, other = (keyed(key, ANONYMOUS, draft(BODIES[0])) for key in KEYS)
    tokens = {delete_token(upload, salt) for upload in (one, other) for salt in (b"a", b"b")}
    assert len(tokens) == 4
    assert {len(token) for token in tokens} == {43}


def test_words_count_as_much_as_bytes():
    """Every field of the form is part of what a key stands for."""
    base = draft(BODIES[0])
    changes = {
        "sha256": BODIES[1],
        "filename": "b.jpg",
        "description": "x",
        "tags": ("a",),
        "visibility": "unlisted",
        "keep_metadata": True,
        "expires_in": 60,
    }
    assert changes.keys() == {field for field in Draft.__struct_fields__ if field != "file"}
    made = {
        keyed(KEYS[0], ANONYMOUS, msgspec.structs.replace(base, **{name: value})).request
        for name, value in changes.items()
    }
    assert len(made | {keyed(KEYS[0], ANONYMOUS, base).request}) == len(changes) + 1


def test_an_upload_that_says_nothing_of_its_end_is_known_from_before_one_could():
    """It may be sent again across an update."""
    asked = draft(BODIES[0], ("a",))
    parts = (asked.sha256, asked.filename, asked.description, asked.tags, asked.visibility, asked.keep_metadata)
    earlier = hashlib.sha256(msgspec.json.encode(parts)).digest()
    assert keyed(KEYS[0], ANONYMOUS, asked).request == earlier


@given(st.text(max_size=140))
def test_a_key_is_taken_as_it_is_or_refused(text):
    """What is taken is visible ASCII of a good length, without the quotes around it."""
    try:
        key = read_idempotency_key(text)
    except InvalidRequest:
        return
    assert key == text.removeprefix('"').removesuffix('"')
    assert 16 <= len(key) <= 128
    assert all("!" <= letter <= "~" for letter in key)


@pytest.mark.parametrize("text", ["8e03978e-40d5-43dd-bc93-6894a57f9324", '"8e03978e-40d5-43dd-bc93-6894a57f9324"'])
def test_a_uuid_is_a_key_with_or_without_quotes(text):
    """As clients write it today, and as the draft standard has it."""
    assert read_idempotency_key(text) == "8e03978e-40d5-43dd-bc93-6894a57f9324"
    assert read_idempotency_key(None) is None
