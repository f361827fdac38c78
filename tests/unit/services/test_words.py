import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidField
from services.write import words
from tests.unit.samples import NOON


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "../../etc/passwd"),
        ("a\0b.jpg", "ab.jpg"),
        ("line\r\nbreak.jpg", "linebreak.jpg"),
        ("日本の写真 🌸.png", "日本の写真 🌸.png"),
        ("e\u0301.jpg", "é.jpg"),
        ("  ", "unnamed"),
        ("", "unnamed"),
        ("x" * 300, "x" * 300),
    ],
)
def test_a_filename_is_kept_for_display_without_what_can_not_be_shown(sent, kept):
    """Names stay as people wrote them, less control characters."""
    assert words.filename(sent) == kept


def test_a_filename_beyond_the_limit_is_refused_and_the_limit_named():
    """The refusal names the field and its limit."""
    with pytest.raises(InvalidField) as refusal:
        words.filename("x" * (words.MAX_FILENAME + 1))
    assert refusal.value.details == {"field": "filename", "limit": words.MAX_FILENAME}


@pytest.mark.parametrize("text", [" " * 9 + "x" * words.MAX_FILENAME, "\u0958" * words.MAX_FILENAME])
def test_a_limit_counts_for_what_is_sent_and_for_what_is_kept(text):
    """Nothing that is left out makes room, and what normalising lengthens is too long."""
    with pytest.raises(InvalidField):
        words.filename(text)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("x" * 2000, "x" * 1024),
        ("x" * 2000 + ".jpeg", "x" * 1019 + ".jpeg"),
        ("x." + "y" * 2000, "x." + "y" * 1022),
        ("\u0958" * 1024, "\u0958" * 1024),
    ],
)
def test_what_fits_of_a_name_ends_as_it_did(text, fits):
    """A type is told by what is after the last dot."""
    kept = words.cut_filename(text)
    assert kept == unicodedata.normalize("NFC", fits)[: words.MAX_FILENAME]
    assert words.filename(kept) == kept


def test_what_fits_of_tags_are_the_first():
    """Each from its beginning, and once."""
    kept = words.cut_tags(["a", "", "x" * 100, "x" * 99, *map(str, range(100))])
    assert kept[:3] == ("a", "x" * words.MAX_TAG, "0")
    assert len(kept) == words.MAX_TAGS


def test_a_description_keeps_its_lines_and_an_empty_one_is_none():
    """Line breaks are part of a description; nothing but space is no description."""
    assert words.description(" two\nlines\t\0 ") == "two\nlines"
    assert words.description(" \n ") is None
    assert words.description(None) is None


def test_tags_are_trimmed_and_each_is_kept_once_in_order():
    """Order is the caller's, repetition is dropped."""
    assert words.tags([" b ", "a", "", "b", " "]) == ("b", "a")


def test_a_comma_ends_a_tag():
    """A tag with a comma in it could never be asked for."""
    assert words.tags(["a,b", " b , ,c"]) == ("a", "b", "c")


@pytest.mark.parametrize("tags", [["x" * (words.MAX_TAG + 1)], [str(n) for n in range(words.MAX_TAGS + 1)], ["a"] * 51])
def test_tags_beyond_the_limits_are_refused(tags):
    """Too long a tag and too many tags are both refused."""
    with pytest.raises(InvalidField):
        words.tags(tags)


@pytest.mark.parametrize(("text", "seconds"), [("", None), (" ", None), ("1", 1), (" 315360000 ", 315_360_000)])
def test_a_life_is_a_number_of_seconds(text, seconds):
    """Nothing said is no end; ten years are the longest."""
    assert words.expires_in(text) == seconds


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "soon", "9" * 30, "315360001", "\u0663"])
def test_a_life_that_can_not_be_is_refused(text):
    """Of no second, of a part of one, beyond ten years, or no number."""
    with pytest.raises(InvalidField):
        words.expires_in(text)


def test_an_end_is_a_time_in_the_next_ten_years():
    """Kept in UTC, whatever its offset; none is no end."""
    end = (NOON + timedelta(hours=1)).astimezone(timezone(timedelta(hours=5)))
    assert words.expires_at(end, NOON) == end
    assert words.expires_at(end, NOON).tzinfo is UTC
    assert words.expires_at(None, NOON) is None


@pytest.mark.parametrize(
    "time",
    [
        NOON,
        (NOON + timedelta(hours=1)).replace(tzinfo=None),
        NOON + timedelta(days=3651),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=12))),
    ],
)
def test_an_end_that_can_not_be_is_refused(time):
    """Over already, without an offset, too far off, or at the edge of what a time can be."""
    with pytest.raises(InvalidField):
        words.expires_at(time, NOON)


@given(st.text(max_size=200))
def test_whatever_is_sent_what_is_kept_can_be_stored_and_stays_as_it_is(text):
    """No kept name holds NUL or a lone surrogate, and keeping it again changes nothing."""
    kept = words.filename(text)
    assert "\0" not in kept
    kept.encode()
    assert words.filename(kept) == kept
