"""Questions about images, answered by a replica."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, TypeAlias
from uuid import UUID

from contracts.images import Image, Status, Visibility
from contracts.lists import Wanted
from infrastructure.postgres.connection import Rows
from infrastructure.postgres.rows import SELECT_IMAGES, image_of

Place: TypeAlias = tuple[datetime, UUID]
"""A place in the order of lists: time of creation and id of an image, which need not exist any more."""


PUBLIC = Wanted()


class Reader(Protocol):
    """Where questions go: the replicas, or the primary. Raises Unavailable."""

    async def read(self, statement: str, *arguments: object) -> Rows: ...


class Found(NamedTuple):
    """An image, or None, with everything that was committed before the position `as_of`."""

    image: Image | None
    as_of: int


class Page(NamedTuple):
    """Images in their order, with everything that was committed before the position `as_of`."""

    images: tuple[Image, ...]
    as_of: int


class Versions(NamedTuple):
    """Versions of images, with everything that was committed before the position `as_of`."""

    versions: dict[UUID, int]
    as_of: int


class Catalogue:
    """What can be found out about images, as of the position of whoever is asked.

    All questions raise Unavailable when nobody answers in time.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def select_image(self, image_id: UUID) -> Found:
        """The image, whatever its visibility; None when there is none or it is deleted or in the trash."""
        found = await self._reader.read(_SELECT_IMAGE, image_id)
        return Found(image_of(found.rows[0]) if found.rows else None, found.as_of)

    async def select_page(self, *, limit: int, after: Place | None = None, wanted: Wanted = PUBLIC) -> Page:
        """At most `limit` wanted images behind a place. Newest first; of one time, those with the highest ids."""
        statement, arguments = page_statement(limit, after, wanted)
        found = await self._reader.read(statement, *arguments)
        return Page(tuple(image_of(row) for row in found.rows), found.as_of)

    async def select_versions(self, ids: Sequence[UUID]) -> Versions:
        """The versions of those of the images that are there, deleted or not: a deletion is a version too."""
        found = await self._reader.read("SELECT id, version FROM images WHERE id = any($1::uuid[])", list(ids))
        return Versions({row["id"]: row["version"] for row in found.rows}, found.as_of)


_SELECT_IMAGE = f"{SELECT_IMAGES} WHERE images.id = $1 AND images.deleted_at IS NULL AND images.trashed_at IS NULL"


def page_statement(limit: int, after: Place | None, wanted: Wanted) -> tuple[str, list[object]]:
    """The statement for a page and its arguments.

    Only the filters that are asked for appear in it, so that each combination is planned for what it is.
    """
    arguments: list[object] = [limit]
    trashed = "images.trashed_at IS NOT NULL" if wanted.trash else "images.trashed_at IS NULL"
    conditions = ["images.deleted_at IS NULL", trashed]
    conditions += [*_of_visibility(wanted.visibilities), *_of_status(wanted.status)]
    if after is not None:
        arguments += after
        conditions.append("(images.created_at, images.id) < ($2, $3)")
    if wanted.owner_id is not None:
        arguments.append(wanted.owner_id)
        conditions.append(f"images.owner_id = ${len(arguments)}")
    if wanted.tags:
        arguments.append(wanted.tags)
        conditions.append(f"images.tags @> ${len(arguments)}")
    if wanted.content_type is not None:
        arguments.append(wanted.content_type)
        conditions.append(f"images.content_type = ${len(arguments)}")
    if wanted.living_at is not None:
        arguments.append(wanted.living_at)
        conditions.append(f"(images.expires_at IS NULL OR images.expires_at > ${len(arguments)})")
    where = " AND ".join(conditions)
    return f"{SELECT_IMAGES} WHERE {where} ORDER BY images.created_at DESC, images.id DESC LIMIT $1", arguments


def _of_visibility(visibilities: frozenset[Visibility]) -> list[str]:
    """Written out, so that the indexes of what is public, and of what is not, are found to fit."""
    if visibilities == frozenset(Visibility):
        return []
    return ["(" + " OR ".join(f"images.visibility = '{one.value}'" for one in sorted(visibilities)) + ")"]


def _of_status(status: Status | None) -> list[str]:
    """An image that is pending is shown as one that is being processed, whatever its blob is."""
    if status is None:
        return []
    if status is Status.PROCESSING:
        return ["(images.pending OR blobs.state = 'processing')"]
    return ["NOT images.pending", f"blobs.state = '{status.value}'"]
