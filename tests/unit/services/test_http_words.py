"""Headers and parameters that the services read and write."""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidField, InvalidRequest, VersionConflict
from services.read.http.conditions import conditions, http_date, require_match, unchanged
from services.read.http.disposition import content_disposition
from services.read.http.queries import read_asked
from services.shared.headers import header_of
from services.write.http.bodies import ChangeBody, read_change, read_versions
from tests.unit.samples import NOON


def test_a_header_is_the_first_of_its_name_if_there_is_one():
    """Whatever bytes it has."""
    scope = {"headers": [(b"accept", b"caf\xe9"), (b"accept", b"tea")]}
    assert header_of(scope, b"accept") == "caf\xe9"
    assert header_of(scope, b"x-request-id") is None


def test_conditions_are_the_headers_that_say_if():
    """The first of each; others are not looked at."""
    headers = [(b"if-match", b'"\xe9"'), (b"accept", b"*/*"), (b"if-match", b"*"), (b"if-modified-since", b"never")]
    assert conditions({"headers": headers}) == {"if-match": '"\xe9"', "if-modified-since": "never"}
    assert conditions({"headers": []}) == {}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"if-none-match": '"a"'}, True),
        ({"if-none-match": 'W/"a"'}, True),
        ({"if-none-match": '"b", "a"'}, True),
        ({"if-none-match": "*"}, True),
        ({"if-none-match": '"b"'}, False),
        ({"if-none-match": '"b"', "if-modified-since": http_date(NOON)}, False),
        ({"if-modified-since": http_date(NOON)}, True),
        ({"if-modified-since": http_date(NOON - timedelta(seconds=1))}, False),
        ({"if-modified-since": "yesterday"}, False),
        ({"if-modified-since": "Sun, 06 Nov 99999999999999999999999 08:49:37 GMT"}, False),
        ({"if-modified-since": "Sun, 06 Nov 1994 08:49:37 -0000"}, False),
    ],
)
def test_what_the_client_has_is_good_when_its_tag_or_else_its_date_says_so(headers, expected):
    """Tags outrank dates, as RFC 9110 has it."""
    assert unchanged(headers, '"a"', NOON) is expected


@pytest.mark.parametrize(
    ("headers", "tag", "holds"),
    [
        ({}, '"a"', True),
        ({"if-match": '"b", "a"'}, '"a"', True),
        ({"if-match": "*"}, 'W/"a"', True),
        ({"if-match": '"b"'}, '"a"', False),
        ({"if-match": 'W/"a"'}, '"a"', False),
        ({"if-match": 'W/"a"'}, 'W/"a"', False),
        ({"if-match": '"a"', "if-unmodified-since": http_date(NOON - timedelta(days=1))}, '"a"', True),
        ({"if-unmodified-since": http_date(NOON)}, '"a"', True),
        ({"if-unmodified-since": http_date(NOON - timedelta(seconds=1))}, '"a"', False),
        ({"if-unmodified-since": "yesterday"}, '"a"', True),
        ({"if-unmodified-since": "Sun, 06 Nov 99999999999999999999999 08:49:37 GMT"}, '"a"', True),
    ],
)
def test_a_request_meant_for_another_state_is_refused(headers, tag, holds):
    """Tags are compared strongly and outrank dates; a date that is none counts as not sent."""
    with nullcontext() if holds else pytest.raises(VersionConflict):
        require_match(headers, tag, NOON)


@given(st.text(st.characters(max_codepoint=255), max_size=60) | st.from_regex(r"Sun, \d+ Nov \d+ \d+:\d+:\d+ [+-]?\w+"))
def test_no_date_whatever_it_says_is_an_error(text):
    """It is a date or it is passed over."""
    unchanged({"if-modified-since": text}, '"a"', NOON)


def test_dates_are_written_as_http_wants_them():
    """IMF-fixdate, in GMT."""
    assert http_date(datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)) == "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a.jpg", 'inline; filename="a.jpg"'),
        ("../../etc/passwd", 'inline; filename="passwd"'),
        ("C:\\photos\\b.png", 'inline; filename="b.png"'),
        ('say "hi".png', "inline; filename=\"say _hi_.png\"; filename*=UTF-8''say%20%22hi%22.png"),
        ("日本.png", "inline; filename=\"__.png\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.png"),
        ("/", 'inline; filename="image"'),
    ],
)
def test_a_download_has_the_images_name_and_nothing_that_breaks_the_header(name, value):
    """One path segment, twice: plain and encoded."""
    assert content_disposition(name, download=False) == value


@given(st.text(max_size=400))
def test_no_name_can_break_out_of_the_header(name):
    """Whatever the name, the header is one line of printable ASCII with one quoted string."""
    value = content_disposition(name, download=True)
    assert value.isascii()
    assert value.isprintable()
    assert value.count('"') == 2


@pytest.mark.parametrize("limit", ["0", "101", "1000", "-1", "1.5", "abc", "٣", " 5", "9" * 40, "000000001" + "0" * 24])
def test_a_limit_outside_1_to_100_is_refused(limit):
    """It is not guessed what was meant."""
    with pytest.raises(InvalidRequest):
        read_asked(limit, None, None, None)


def test_a_list_is_asked_for_with_limits_tags_and_type():
    """Tags are separated by commas; empty parameters count as not given."""
    asked = read_asked("7", "", "cat, dog,,cat", "image/png")
    assert (asked.limit, asked.after, asked.tags, asked.content_type) == (7, None, ("cat", "dog"), "image/png")
    assert read_asked(None, None, None, "").limit == 50
    assert read_asked(None, None, "cafe\u0301", None).tags == ("caf\u00e9",)


@pytest.mark.parametrize("text", ["a\0b", "x" * 5000])
def test_a_filter_that_can_not_be_meant_is_refused(text):
    """PostgreSQL would choke on NUL."""
    with pytest.raises(InvalidRequest):
        read_asked(None, None, text, None)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"{}{}"])
def test_a_body_that_is_no_json_is_an_invalid_request(body):
    """It is told apart from JSON with the wrong values."""
    with pytest.raises(InvalidRequest) as refusal:
        read_change(body, NOON)
    assert refusal.type is InvalidRequest


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b'{"filename": 5}', b'{"tags": "a"}', b'{"color": "red"}', b"null", b"[" * 100_000]
)
def test_a_change_that_can_not_be_taken_is_an_invalid_field(body):
    """Wrong types, unknown fields, nothing at all, and nesting without end."""
    with pytest.raises(InvalidField):
        read_change(body, NOON)


def test_a_change_names_what_is_new_and_leaves_out_the_rest():
    """Null clears a description."""
    change = read_change(b'{"description": null, "tags": ["b", "a", "b"]}', NOON)
    assert change.description is None
    assert change.tags == ("b", "a")
    assert not isinstance(change.filename, str)


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        *((None, None), ("*", None), ('"3"', {3}), ('"3", "4"', {3, 4}), ('"3", W/"4"', {3})),
        *(("3", set()), ('"x"', set()), ("", set())),
    ],
)
def test_if_match_allows_the_versions_it_names(header, versions):
    """A tag that is none of ours, or weak, allows nothing."""
    assert read_versions(header) == versions


def test_a_change_of_nothing_is_answered_with_what_can_be_changed():
    """All of it."""
    with pytest.raises(InvalidField) as refused:
        read_change(b"{}", NOON)
    assert all(name in refused.value.detail for name in ChangeBody.__struct_fields__)
