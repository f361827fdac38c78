"""What a client may conclude from an answer."""

import json

import pytest

from tests.chaos.calls import Answer
from tests.chaos.history import Outcome


def answer(status, **problem):
    return Answer(status, {}, json.dumps(problem).encode())


@pytest.mark.parametrize("status", [201, 200, 204])
def test_a_success_is_a_success(status):
    """Whatever kind of success it is."""
    assert answer(status).outcome(is_read=False) is Outcome.OK


def test_not_found_answers_a_read_and_refuses_a_write():
    """Who asks knows it then; who wanted to change something has not changed it."""
    assert answer(404).outcome(is_read=True) is Outcome.OK
    assert answer(404).outcome(is_read=False) is Outcome.FAIL


def test_a_write_that_could_not_be_done_has_failed():
    """Our own 503 says so."""
    told = answer(503, code="SERVICE_UNAVAILABLE", detail="The service can't answer just now. Try again shortly.")
    assert told.outcome(is_read=False) is Outcome.FAIL


@pytest.mark.parametrize(
    "told",
    [
        answer(
            503, code="SERVICE_UNAVAILABLE", detail="It is not known whether this was done. Look before you try again."
        ),
        answer(503),
        answer(502, code="BAD_GATEWAY"),
        answer(500, code="INTERNAL_ERROR"),
        Answer(0, {}, b"", "ServerDisconnectedError"),
    ],
)
def test_a_write_of_which_nobody_says_that_it_was_not_done_is_unknown(told):
    """The gateway's answers, internal errors, no answer, and our own word that it isn't known."""
    assert told.outcome(is_read=False) is Outcome.UNKNOWN


def test_a_read_without_an_answer_has_failed():
    """There is nothing that it could have done."""
    assert Answer(0, {}, b"", "TimeoutError").outcome(is_read=True) is Outcome.FAIL
    assert answer(503).outcome(is_read=True) is Outcome.FAIL
