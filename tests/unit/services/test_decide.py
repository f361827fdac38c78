"""Where a question is answered: never from a state that is too old, and by the overlay whenever that is enough."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as some

from contracts.consistency import ConsistencyToken
from services.read.decide import Question, Route, decide, demand
from services.read.overlay import Entry

NOW = datetime(2026, 5, 4, tzinfo=UTC)
IDS = some.sampled_from([UUID(int=1), UUID(int=2)])
SMALL = some.integers(0, 9)
TOKENS = some.none() | some.builds(ConsistencyToken, lsn=SMALL, subject_id=IDS, version=SMALL)
QUESTIONS = some.builds(Question, image_id=IDS, token=TOKENS, index=some.none() | SMALL)
ENTRIES = some.none() | some.builds(
    Entry, version=SMALL, lsn=SMALL, made_at=some.just(NOW), value=some.none() | some.just("view")
)


@given(QUESTIONS, ENTRIES, SMALL, SMALL)
def test_the_rule(question, entry, needed, position):
    """Each way out says why it is right, and no other is taken when it is open."""
    route = decide(question, entry, needed, position)
    token = question.token
    own = token is not None and token.subject_id == question.image_id
    heard_enough = entry is not None and (token is None or (own and entry.version >= token.version))
    far_enough = position >= max(needed, question.index or 0, token.lsn if token else 0)
    match route:
        case Route.GONE:
            assert entry is not None
            assert entry.is_gone
        case Route.OVERLAY:
            assert question.index is None
            assert heard_enough
            assert not entry.is_gone
        case Route.BASE:
            assert far_enough
            assert entry is None or not (heard_enough and question.index is None)
        case Route.WAIT:
            assert not far_enough


@given(QUESTIONS, SMALL)
def test_a_base_must_have_what_anybody_asks_for(question, needed):
    """What was heard, what the caller did, and what was committed when a detached service was asked."""
    wanted = demand(question, needed)
    assert wanted >= needed
    assert question.token is None or wanted >= question.token.lsn
    assert question.index is None or wanted >= question.index
    assert question.is_plain == (question.token is None and question.index is None)
