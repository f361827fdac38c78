"""Keys are harmless in every path and URL."""

from uuid import uuid4

import pytest

from contracts.variants import VARIANTS, derivative_key
from infrastructure.storage.shard import checked, checked_prefix, is_key

ID = "0190a0a0-0000-7000-8000-00000000abcd"


def test_the_keys_we_make_are_keys():
    """The original's and every derivative's."""
    blob = uuid4()
    for key in (f"{blob}/original", *(derivative_key(blob, v.name, "image/webp", b"picture") for v in VARIANTS)):
        assert checked(key) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "original",
        f"{ID}/",
        f"/{ID}/original",
        f"{ID}/../original",
        f"{ID}/..",
        f"{ID}/.hidden",
        f"{ID}/a/b",
        f"{ID}/a b",
        f"{ID}/a%2fb",
        f"{ID}/a?b",
        f"{ID}/a\0",
        f"{ID}/original\n",
        f"{ID}/ä",
        f"{ID}/Original",
        f"{ID}/{'a' * 101}",
        f"{ID.upper()}/original",
        f"../{ID}/original",
        f"{ID[:-1]}/original",
    ],
)
def test_nothing_else_is_a_key(text):
    """Traversal, hidden names, what needs quoting: refused before any shard is asked."""
    assert not is_key(text)
    with pytest.raises(ValueError, match="not an object key"):
        checked(text)


@pytest.mark.parametrize("prefix", ["..", "../", f"../{ID}/", ID, f"{ID}/o", "0190"])
def test_a_listing_is_of_everything_or_of_one_id(prefix):
    """Anything else is refused."""
    with pytest.raises(ValueError, match="not an object prefix"):
        checked_prefix(prefix)
    assert checked_prefix("") == ""
    assert checked_prefix(f"{ID}/") == f"{ID}/"
