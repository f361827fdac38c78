"""Uploads in hand are bounded by number and by bytes."""

import pytest

from contracts.errors import Unavailable
from services.write.gate import Gate


def test_no_more_uploads_than_allowed_are_in_hand():
    """The next one is told to come back, and gets in when another has ended, well or not."""
    gate = Gate(uploads=2, size=1000)
    with gate.enter(1):
        with gate.enter(1), pytest.raises(Unavailable), gate.enter(1):
            pass
        with pytest.raises(RuntimeError), gate.enter(1):
            raise RuntimeError("an upload that fails")
        with gate.enter(1):
            pass


def test_no_more_bytes_than_allowed_are_in_hand():
    """Two that fit get in, a third that does not is told to come back."""
    gate = Gate(uploads=10, size=100)
    with gate.enter(60), gate.enter(40), pytest.raises(Unavailable), gate.enter(1):
        pass


def test_one_upload_gets_in_however_large_it_is():
    """Whether it may be so large is for others to say."""
    with Gate(uploads=1, size=10).enter(1000):
        pass
