"""Lists are stable: pages put together are the list, whatever shares a time and whatever comes in meanwhile."""

import asyncio
from datetime import timedelta
from itertools import product
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from contracts.images import Image, Status, Visibility
from contracts.lists import Wanted
from infrastructure.postgres.catalogue import Catalogue, page_statement
from infrastructure.postgres.ledger import Ledger
from tests.component.postgres.images import T0, plain_image

TAGS = (("sea",), ("sea", "sky"), ("sky", "sea", "été"), ())
TYPES = ("image/jpeg", "image/png")


@pytest.fixture
async def images(ledger: Ledger) -> list[Image]:
    """Sixty public images, in the order of a list: five share each time, with all mixtures of tags and types."""
    images = []
    for number in range(60):
        made_at = T0 + timedelta(microseconds=number // 5)
        image = plain_image(tags=TAGS[number % len(TAGS)], created_at=made_at)
        images.append(replace(image, blob=replace(image.blob, content_type=TYPES[number % 3 == 0])))
    for image in images:
        await ledger.insert(image, delete_token_hash=None)
    return in_order(images)


def in_order(images: list[Image]) -> list[Image]:
    """Newest first; of one time, those with the highest ids."""
    return sorted(images, key=lambda image: (image.created_at, image.id), reverse=True)


async def walk(catalogue: Catalogue, limit: int, **filters):
    """The pages of a list, one after the other, the last of them short or empty."""
    after = None
    while True:
        page = (await catalogue.select_page(limit=limit, after=after, **filters)).images
        assert len(page) <= limit
        yield page
        if len(page) < limit:
            return
        after = (page[-1].created_at, page[-1].id)


FILTERS = [
    Wanted(tags=tags, content_type=content_type)
    for tags, content_type in product(((), ("sea",), ("sky", "sea"), ("été", "sky"), ("absent",)), (None, *TYPES))
]


async def test_pages_are_the_list(catalogue, images):
    """For any length of page, pages put together give each image once, in order, complete."""
    for limit in (*range(1, 12), 59, 60, 61):
        pages = [page async for page in walk(catalogue, limit)]
        assert [image for page in pages for image in page] == images, limit


async def test_filtered_pages_are_the_filtered_list(catalogue, images):
    """The same holds for each filter: an image must have all the tags, and exactly the type."""
    for filters in FILTERS:
        wanted = [
            image
            for image in images
            if set(filters.tags) <= set(image.tags) and filters.content_type in {None, image.blob.content_type}
        ]
        for limit in (3, 100):
            pages = [page async for page in walk(catalogue, limit, wanted=filters)]
            assert [image for page in pages for image in page] == wanted, (filters, limit)


async def test_lists_show_public_images_only(catalogue, ledger):
    """Unlisted, private and deleted images are in no list."""
    shown, unlisted, private, deleted = (
        plain_image(visibility=visibility)
        for visibility in (Visibility.PUBLIC, Visibility.UNLISTED, Visibility.PRIVATE, Visibility.PUBLIC)
    )
    for image in (shown, unlisted, private, deleted):
        await ledger.insert(image, delete_token_hash=None)
    await ledger.delete(deleted.id, lambda _: None)
    assert (await catalogue.select_page(limit=10)).images == (shown,)


async def test_lists_are_filtered_by_owner_visibility_and_status(catalogue, ledger):
    """Each as it is asked for; an image whose blob was rendered for others is processed all the same."""
    ann, bob = uuid4(), uuid4()
    images = [
        plain_image(visibility=visibility, owner_id=owner) for visibility in Visibility for owner in (ann, bob, None)
    ]
    for image in images:
        await ledger.insert(image, delete_token_hash=None)
    for visibilities in (frozenset(Visibility), frozenset({Visibility.PRIVATE}), frozenset(list(Visibility)[:2])):
        for owner in (ann, None):
            for status in (Status.PROCESSING, Status.READY, Status.FAILED, None):
                wanted = Wanted(visibilities, owner, status=status)
                found = (await catalogue.select_page(limit=20, wanted=wanted)).images
                fit = [
                    image for image in images if image.visibility in visibilities and owner in {None, image.owner_id}
                ]
                assert list(found) == (in_order(fit) if status in {None, Status.PROCESSING} else []), wanted


async def test_pages_are_stable_under_uploads_and_deletes(catalogue, ledger, images):
    """Whoever pages while images come and go sees each image that stays exactly once."""
    gone, seen = set(), []
    async for page in walk(catalogue, 7):
        seen += page
        newcomer = plain_image(created_at=T0 + timedelta(microseconds=6))
        await ledger.insert(newcomer, delete_token_hash=None)
        for victim in page[:1]:
            await ledger.delete(victim.id, lambda _: None)
            gone.add(victim.id)
    ids = [image.id for image in seen]
    assert len(ids) == len(set(ids))
    assert {image.id for image in images} - gone <= set(ids)
    assert seen == in_order(seen)


async def test_cursor_needs_no_living_image(catalogue, ledger, images):
    """A page begins behind a place in the order, also when the image that was there is gone."""
    place = images[10]
    await ledger.delete(place.id, lambda _: None)
    page = (await catalogue.select_page(limit=5, after=(place.created_at, place.id))).images
    assert list(page) == images[11:16]


async def test_ids_from_rows_are_like_any_others(catalogue, images):
    """An id that came from a row finds what was stored under an equal one."""
    (image,) = (await catalogue.select_page(limit=1)).images
    assert {UUID(str(image.id)): True}[image.id]
    assert isinstance(image.id, UUID)


DEEP = (T0 - timedelta(seconds=5000), UUID(int=0))


async def test_pages_come_from_an_index(crowd):
    """With many images no kind of page, however deep, reads the whole table."""
    everything, hidden = frozenset(Visibility), frozenset({Visibility.PRIVATE})
    for after, wanted, index in (
        (None, Wanted(), "images_listed"),
        (DEEP, Wanted(), "images_listed"),
        (DEEP, Wanted(content_type="image/avif"), "images_listed_of_type"),
        (DEEP, Wanted(tags=("few",)), "images_listed_tags"),
        (DEEP, Wanted(tags=("many",)), "images_listed"),
        (DEEP, Wanted(everything, UUID(int=7)), "images_owner"),
        (DEEP, Wanted(hidden), "images_listed_not_public"),
    ):
        statement, arguments = page_statement(50, after, wanted)
        plan = "\n".join(row[0] for row in await crowd.fetch(f"EXPLAIN {statement}", *arguments))
        assert f" {index} " in plan
        assert "Seq Scan" not in plan


@pytest.fixture
async def crowd(psql):
    """Twenty thousand images, made out of nothing."""
    await psql.execute(
        """
        INSERT INTO blobs (id, sha256, size, content_type, width, height, frames, placement, state, created_at)
        SELECT
            md5('b' || n)::uuid, decode(md5('x') || md5('y'), 'hex'), 1000,
            CASE WHEN n % 1000 = 0 THEN 'image/avif' ELSE 'image/jpeg' END, 40, 30, 1, '{one,two}', 'ready', now()
        FROM generate_series(1, 20000) AS n
        """
    )
    await psql.execute(
        """
        INSERT INTO images
            (
                id, blob_id, version, filename, content_type, file_size, visibility, owner_id, tags,
                created_at, updated_at
            )
        SELECT
            md5('i' || n)::uuid, md5('b' || n)::uuid, 1, 'a.jpg',
            CASE WHEN n % 1000 = 0 THEN 'image/avif' ELSE 'image/jpeg' END, 1000,
            CASE WHEN n % 500 = 0 THEN 'private' ELSE 'public' END,
            ('00000000-0000-0000-0000-' || lpad(to_hex(n % 500), 12, '0'))::uuid,
            CASE WHEN n % 2000 = 0 THEN ARRAY['few'] WHEN n % 3 = 0 THEN ARRAY['many'] ELSE '{}' END,
            $1::timestamptz - n * interval '1 second', $1
        FROM generate_series(1, 20000) AS n
        """,
        T0,
    )
    await psql.execute("ANALYZE")
    return psql


async def test_reads_at_once_share_the_pool(catalogue, images):
    """More reads at once than there are connections are all answered."""
    found = await asyncio.gather(*(catalogue.select_image(image.id) for image in images))
    assert [each.image for each in found] == images


async def test_versions_are_told_of_images_that_are_there(catalogue, ledger, images):
    """Of deleted ones too, or what was heard of them before would seem to be news; not of those that never were."""
    await ledger.delete(images[0].id, lambda _: None)
    ids = [image.id for image in images] + [uuid4()]
    found = await catalogue.select_versions(ids)
    assert found.versions == {image.id: 1 for image in images} | {images[0].id: 2}
