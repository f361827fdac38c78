"""Who shares stored bytes with whom."""

from uuid import uuid4

import pytest

from contracts.principals import ANONYMOUS, Principal
from services.write.dedupe import Dedupe, scope_of

SOMEBODY, ANOTHER = Principal(uuid4()), Principal(uuid4())


def test_globally_everybody_shares_with_everybody():
    """Known or not."""
    assert scope_of(Dedupe.GLOBAL, SOMEBODY) == scope_of(Dedupe.GLOBAL, ANONYMOUS) is not None


def test_by_owner_everyone_shares_with_himself():
    """And those who own nothing share nothing."""
    assert scope_of(Dedupe.OWNER, SOMEBODY) == scope_of(Dedupe.OWNER, SOMEBODY) is not None
    assert scope_of(Dedupe.OWNER, SOMEBODY) != scope_of(Dedupe.OWNER, ANOTHER)
    assert scope_of(Dedupe.OWNER, ANONYMOUS) is None


@pytest.mark.parametrize("principal", [SOMEBODY, ANONYMOUS])
def test_switched_off_nobody_shares(principal):
    """Each upload is its own."""
    assert scope_of(Dedupe.OFF, principal) is None
