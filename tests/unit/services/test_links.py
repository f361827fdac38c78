"""Signed links open what they were made for, for as long as they were made for, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.links import PURPOSE, Link, Links, read_link
from services.shared.secret_keys import SecretsConfig, SigningKeys

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
END = NOON + timedelta(hours=1)
PATH = "/api/v1/images/0190c0de-0000-7000-8000-000000000001/file"
OLD, NEW = "old:" + "a" * 32, "new:" + "b" * 32


def links(*keys: str, purpose: str = PURPOSE) -> Links:
    return Links(SigningKeys(SecretsConfig(keys or (NEW,)), purpose))


def opens(address: str, *, by: Links | None = None, epoch: int = 0, now: datetime = NOON) -> bool:
    """Whether the address, as a request sends it, is a link that holds."""
    path, _, query = address.partition("?")
    link = read_link(path.encode(), query.encode())
    return link is not None and (by or links()).holds(link, epoch, now)


def test_a_link_opens_its_path_until_its_end():
    """To the second."""
    address = links().make(PATH, 0, END)
    assert opens(address)
    assert opens(address, now=END - timedelta(seconds=1))
    assert not opens(address, now=END)


def test_a_clock_that_is_a_minute_behind_refuses_nothing():
    """A link has no beginning that a late clock could miss."""
    assert opens(links().make(PATH, 0, END), now=NOON - timedelta(minutes=1))


def test_a_link_holds_for_one_epoch_of_its_image():
    """Revoking moves the image on; no link comes back."""
    address = links().make(PATH, 3, END)
    assert opens(address, epoch=3)
    assert not opens(address, epoch=4)
    assert not opens(address, epoch=2)


def test_keys_are_replaced_one_after_another():
    """The first signs, the others are believed until they are taken out."""
    before = links(OLD).make(PATH, 0, END)
    after = links(NEW, OLD).make(PATH, 0, END)
    assert "key=new" in after
    assert opens(before, by=links(NEW, OLD))
    assert opens(after, by=links(NEW))
    assert not opens(before, by=links(NEW))
    assert not opens(before.replace("key=old", "key=new"), by=links(NEW, OLD))


def test_a_signature_for_another_purpose_is_none():
    """Each purpose has keys of its own."""
    assert not opens(links(purpose="another").make(PATH, 0, END))


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.replace("/file", "/thumbnail"),
        lambda a: a.replace("/file", "/file/"),
        lambda a: a.replace("/file", "%2Ffile"),
        lambda a: a.replace("/file", "/%66ile"),
        lambda a: a.replace("/images", "//images"),
        lambda a: a.replace("0190c0de", "0190C0DE"),
        lambda a: a.replace("000001", "000002"),
        lambda a: a.replace("expires=1", "expires=2"),
        lambda a: a.replace("expires=1", "expires=01"),
        lambda a: a.replace("expires=1", "expires=+1"),
        lambda a: a.replace("expires", "%65xpires"),
        lambda a: a + "&expires=9999999999",
        lambda a: a + "&key=new",
        lambda a: a + "&signature=x",
        lambda a: a + "&x=1",
        lambda a: a + "&download=1&download=1",
        lambda a: a + "&download",
        lambda a: a + "&",
        lambda a: a + "=",
        lambda a: a[:-1],
        lambda a: a.replace("v1.", "v2."),
        lambda a: a.replace("v1.", ""),
        lambda a: a.replace("&key=new", ""),
        lambda a: a.replace("&key=new", "&key="),
        lambda a: a.replace("key=new", "key=old"),
        lambda a: a.replace("&", ";"),
        lambda a: a.partition("?")[0],
    ],
)
def test_a_link_that_was_changed_is_no_link(change):
    """In whatever place, by whatever trick of writing."""
    address = links().make(PATH, 0, END)
    assert change(address) != address
    assert not opens(change(address))


def test_a_download_may_be_asked_for():
    """How the bytes are offered is not what the link is about."""
    assert opens(links().make(PATH, 0, END) + "&download=1")


@given(st.binary(max_size=200), st.binary(max_size=300))
def test_whatever_is_sent_is_judged(path, query):
    """Nothing that a request can hold makes reading or judging fail, or opens anything."""
    link = read_link(path, b"signature=" + query)
    assert link is None or not links().holds(link, 0, NOON)


def test_a_key_that_is_not_known_opens_nothing():
    """Not even with an empty signature."""
    assert not links().holds(Link(PATH, 9_999_999_999, "nobody", ""), 0, NOON)
    assert not links().holds(Link(PATH, 9_999_999_999, "nobody", "A" * 43), 0, NOON)
