"""Lists are as if the base had heard what was heard: the same images, the same order, full pages, every image once."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from contracts.errors import Unauthorized
from contracts.images import Status, Visibility
from contracts.lists import Wanted
from contracts.principals import ANONYMOUS, Principal, Scope
from services.read import list_images as module
from services.read.asking import Asking
from services.read.list_images import Asked, Request, _read, _still_news, belongs, list_images, wanted_by
from services.read.merge import merge, place_of
from tests.unit import samples
from tests.unit.samples import NOON

SEA = Request(3, None, Wanted(tags=("sea",)), None)
STATES = some.fixed_dictionaries(
    {
        "version": some.integers(1, 4),
        "tags": some.sampled_from([("sea",), ("sea", "sun"), ()]),
        "visibility": some.sampled_from(
            [Visibility.PUBLIC, Visibility.PUBLIC, Visibility.PRIVATE, Visibility.UNLISTED]
        ),
    }
)
GONE = "gone"
ANN, BOB = UUID(int=101), UUID(int=102)


def image(number, state):
    """An image of a time that two of them share."""
    return samples.image(UUID(int=number), created_at=NOON + timedelta(seconds=number // 2), **state)


class Page(msgspec.Struct):
    images: tuple
    as_of: int


class Versions(msgspec.Struct):
    versions: dict
    as_of: int


class Rows:
    """A base: its rows, filtered, ordered and cut as the statement does."""

    def __init__(self, images, as_of=0):
        self.images = images
        self.as_of = as_of

    async def select_page(self, *, limit, after, wanted):
        fit = [each for each in self.images if belongs(each, wanted) and (after is None or place_of(each) < after)]
        return Page(tuple(sorted(fit, key=place_of, reverse=True)[:limit]), self.as_of)

    async def select_versions(self, ids):
        return Versions({each.id: each.version for each in self.images if each.id in ids}, self.as_of)


@given(
    some.dictionaries(some.integers(0, 11), STATES),
    some.dictionaries(some.integers(0, 11), STATES | some.just(GONE)),
    some.integers(1, 4),
)
def test_page_by_page_a_list_is_what_it_would_be_if_the_base_had_heard_all(rows, heard, limit):
    """Whatever is in the base and whatever has changed since: the newest state of each decides."""
    base = {number: image(number, state) for number, state in rows.items()}
    changes = {UUID(int=number): None if state == GONE else image(number, state) for number, state in heard.items()}
    truth = {each.id: each for each in base.values()}
    for key, change in changes.items():
        if change is None:
            truth.pop(key, None)
        elif key not in truth or truth[key].version < change.version:
            truth[key] = change
    asked = msgspec.structs.replace(SEA, limit=limit)
    wanted = sorted((each for each in truth.values() if belongs(each, asked.wanted)), key=place_of, reverse=True)

    # A base whose newer state has left the list can't say so without being asked by id.
    changes = asyncio.run(_still_news(asked.wanted, changes, Rows(base.values()), 0))
    listed, after = [], None
    while True:
        page = asyncio.run(_read(msgspec.structs.replace(asked, after=after), changes, Rows(base.values()), 0))
        listed += page[:limit]
        assert len(page) <= limit + 1
        if len(page) <= limit:
            break
        after = place_of(page[limit - 1])
    assert listed == wanted


def test_a_page_that_is_not_the_last_leaves_what_lies_behind_it_to_the_next():
    """Or an image that changed would be shown before those in between."""
    rows = [image(number, {"version": 1}) for number in (9, 7, 5)]
    older = image(2, {"version": 2})
    seen = merge(rows, {older.id: older}, belongs=lambda _: True, after=None, is_end=False)
    assert older not in seen
    assert older in merge(rows, {older.id: older}, belongs=lambda _: True, after=None, is_end=True)


async def test_rows_that_are_not_as_of_what_is_demanded_are_no_answer():
    """They come from a replica that reads have moved to."""
    assert await _read(SEA, {}, Rows([], as_of=9), 10) is None
    assert await _read(SEA, {}, Rows([], as_of=10), 10) == ()
    heard = image(1, {"version": 2, "tags": ("sea",)})
    assert await _still_news(SEA.wanted, {heard.id: heard}, Rows([], as_of=9), 10) is None
    assert await _still_news(SEA.wanted, {heard.id: heard}, Rows([], as_of=10), 10) == {heard.id: heard}


async def test_rows_hidden_by_changes_are_made_up_for_in_few_questions(monkeypatch):
    """However many there are, a page is full, and each question asks for more rows than the last, up to a bound."""
    monkeypatch.setattr(module, "MOST_ROWS", 16)
    rows = [image(number, {"version": 1, "tags": ("sea",)}) for number in range(60)]
    asked = []

    class Counted(Rows):
        async def select_page(self, **given):
            asked.append(given["limit"])
            return await super().select_page(**given)

    changes = {each.id: None for each in rows[10:]}
    assert len(await _read(SEA, changes, Counted(rows), 0)) == 4
    assert asked == [4, 8, 16, 16, 16]


class Hears(dict):
    """An overlay that holds nothing."""

    complete_from = 0


async def test_an_image_whose_time_ends_while_its_list_is_waited_for_is_not_in_it():
    """What lies behind it is on the next page all the same."""
    hour = timedelta(hours=1)
    rows = Rows([samples.image(UUID(int=n), created_at=NOON - n * hour, expires_at=NOON + n * hour) for n in (1, 2, 3)])
    base = SimpleNamespace(rows=rows, position=0, deadline=lambda: None)
    times = iter([NOON, NOON + hour])
    sources = SimpleNamespace(
        base=base, overlay=Hears(), lease=SimpleNamespace(is_held=True), clock=lambda: next(times), origin=""
    )
    page = await list_images(Asked(2), Asking(ANONYMOUS), sources=sources)
    assert [each.id for each in page.items] == [UUID(int=2)]
    assert page.next_cursor is not None


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        (Wanted(), True),
        (Wanted(tags=("sea",)), True),
        (Wanted(tags=("sea", "moon")), False),
        (Wanted(content_type="image/jpeg"), True),
        (Wanted(content_type="image/png"), False),
        (Wanted(owner_id=ANN), True),
        (Wanted(owner_id=BOB), False),
        (Wanted(status=Status.PROCESSING), True),
        (Wanted(status=Status.READY), False),
        (Wanted(living_at=NOON), True),
        (Wanted(living_at=NOON + timedelta(hours=1)), False),
    ],
)
def test_an_image_belongs_to_a_list_by_its_filters(asked, fits):
    """Public, not deleted or expired, with all the tags, of the type, the owner and the status."""
    shown = samples.image(tags=("sea", "sun"), owner_id=ANN, expires_at=NOON + timedelta(hours=1))
    assert belongs(shown, asked) == fits
    assert not belongs(msgspec.structs.replace(shown, visibility=Visibility.UNLISTED), asked)
    assert not belongs(msgspec.structs.replace(shown, deleted_at=NOON), asked)
    trashed = msgspec.structs.replace(shown, trashed_at=NOON)
    assert not belongs(trashed, asked)
    assert belongs(trashed, msgspec.structs.replace(asked, trash=True)) == fits


ADMIN = Principal(BOB, scopes=frozenset(Scope))
ALL, PUBLIC, NONE = frozenset(Visibility), frozenset({Visibility.PUBLIC}), frozenset()


@pytest.mark.parametrize(
    ("asked", "principal", "shown", "owner_id"),
    [
        (Asked(1), ANONYMOUS, PUBLIC, None),
        (Asked(1), Principal(ANN), PUBLIC, None),
        (Asked(1), ADMIN, PUBLIC, None),
        (Asked(1, owner="me"), Principal(ANN), ALL, ANN),
        (Asked(1, owner=ANN), Principal(ANN), ALL, ANN),
        (Asked(1, owner=ANN), Principal(BOB), PUBLIC, ANN),
        (Asked(1, owner=ANN), ADMIN, ALL, ANN),
        (Asked(1, visibility=Visibility.PRIVATE), Principal(ANN), NONE, None),
        (Asked(1, visibility=Visibility.PRIVATE), ADMIN, frozenset({Visibility.PRIVATE}), None),
        (Asked(1, owner="me", visibility=Visibility.UNLISTED), Principal(ANN), frozenset({Visibility.UNLISTED}), ANN),
        (Asked(1, owner=ANN, visibility=Visibility.PUBLIC), ANONYMOUS, PUBLIC, ANN),
        (Asked(1, trash=True), Principal(ANN), ALL, ANN),
        (Asked(1, owner=ANN, trash=True), Principal(ANN), ALL, ANN),
        (Asked(1, owner=ANN, trash=True), Principal(BOB), NONE, ANN),
        (Asked(1, owner=ANN, trash=True), ANONYMOUS, NONE, ANN),
        (Asked(1, owner=ANN, trash=True), ADMIN, ALL, ANN),
    ],
)
def test_who_asks_decides_what_is_shown(asked, principal, shown, owner_id):
    """All of one's own, of others what is public and no trash; an admin sees more when he says what."""
    wanted = wanted_by(asked, principal)
    assert (wanted.visibilities, wanted.owner_id) == (shown, owner_id)


def test_nobody_has_images_of_his_own():
    """An anonymous caller is told to log in."""
    for asked in (Asked(1, owner="me"), Asked(1, trash=True)):
        with pytest.raises(Unauthorized):
            wanted_by(asked, ANONYMOUS)
