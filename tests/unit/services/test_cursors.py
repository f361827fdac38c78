from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidCursor
from services.read.cursors import EPOCH, decode_cursor, encode_cursor

times = st.integers(0, 10**17).map(lambda micros: EPOCH + timedelta(microseconds=micros))


@given(times, st.uuids())
def test_a_cursor_stands_for_exactly_the_place_it_was_made_of(created_at, image_id):
    """Encoding and decoding lose nothing, not a microsecond."""
    assert decode_cursor(encode_cursor((created_at, image_id))) == (created_at, image_id)


@pytest.mark.parametrize("text", ["x", "", "====", "AAAA", "é" * 32, "_" * 32, "A" * 31 + "!", "A" * 4000, "\0" * 32])
def test_anything_else_is_refused_as_a_cursor(text):
    """Broken cursors are the caller's mistake, never an error of ours."""
    with pytest.raises(InvalidCursor):
        decode_cursor(text)


@given(st.text(max_size=64))
def test_no_text_makes_it_fail_in_another_way(text):
    """Whatever comes is a place or refused."""
    try:
        decode_cursor(text)
    except InvalidCursor:
        return
