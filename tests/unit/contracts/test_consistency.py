"""Consistency tokens: what is put in comes out, and nothing else is taken for one."""

import base64
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some

from contracts.consistency import ConsistencyToken, decode_token, encode_token, position
from contracts.errors import InvalidConsistencyToken
from services.shared.consistency import read_token, token_headers

NUMBERS = some.integers(0, (1 << 63) - 1)
TOKENS = some.builds(ConsistencyToken, lsn=NUMBERS, subject_id=some.uuids(), version=NUMBERS)
SUBJECT = UUID(int=7)
TOKEN = ConsistencyToken(position("16/B374D848"), SUBJECT, 3)


def scope(*headers: tuple[bytes, bytes]):
    return {"headers": list(headers)}


@given(TOKENS)
def test_a_token_comes_back_as_it_was(token):
    """Whatever the position, the subject and the version."""
    assert decode_token(encode_token(token)) == token


@given(TOKENS, some.integers(0, 43), some.characters(codec="utf-8"))
def test_a_token_with_another_letter_is_another_token_or_none(token, place, letter):
    """No two texts mean the same token: it can be compared as text."""
    text = encode_token(token)
    spoilt = text[:place] + letter + text[place + 1 :]
    try:
        again = decode_token(spoilt)
    except InvalidConsistencyToken:
        return
    assert (again == token) == (spoilt == text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "ü" * 44,
        "A" * 44,
        encode_token(TOKEN)[:-1],
        encode_token(TOKEN) + "A",
        encode_token(TOKEN) + "====",
        " " + encode_token(TOKEN),
        base64.urlsafe_b64encode(b"\x01" + b"\xff" * 32).decode(),
    ],
)
def test_what_is_no_token_is_refused(text):
    """Too short, too long, of another format, in another alphabet, or with numbers that no server has."""
    with pytest.raises(InvalidConsistencyToken):
        decode_token(text)


@pytest.mark.parametrize(("lsn", "number"), [("0/0", 0), ("0/FF", 255), ("1/0", 1 << 32), ("16/B374D848", 97500059720)])
def test_a_position_is_a_number_of_bytes(lsn, number):
    """As Postgres subtracts them."""
    assert position(lsn) == number


def test_an_answer_to_a_change_has_the_token_twice():
    """As a header for programs and as a cookie for browsers; a request may bring back either."""
    (name, text), (set_cookie, cookie) = token_headers(SUBJECT, 3, "16/B374D848")
    assert (name, set_cookie) == (b"x-consistency-token", b"set-cookie")
    assert read_token(scope((name, text))) == TOKEN
    pair, *attributes = cookie.split(b"; ")
    assert read_token(scope((b"cookie", b"a=b; " + pair))) == TOKEN
    assert attributes == [b"Path=/", b"Max-Age=3600", b"HttpOnly", b"SameSite=Lax"]


def test_the_header_counts_more_than_the_cookie_and_other_cookies_nothing():
    """A program that sends both means the header."""
    other = encode_token(ConsistencyToken(1, SUBJECT, 1)).encode()
    header, _ = token_headers(SUBJECT, 3, "16/B374D848")
    assert read_token(scope((b"cookie", b"chitram_consistency=" + other), header)) == TOKEN
    assert read_token(scope((b"cookie", b"xchitram_consistency=1; a"), (b"accept", b"*/*"))) is None


@pytest.mark.parametrize("header", [(b"x-consistency-token", b"\xff"), (b"cookie", b"chitram_consistency=")])
def test_a_malformed_token_is_refused_wherever_it_is(header):
    """It can't be honoured, and to pass over it would break a promise silently."""
    with pytest.raises(InvalidConsistencyToken):
        read_token(scope(header))
