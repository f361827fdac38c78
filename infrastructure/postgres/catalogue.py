"""Questions about images, answered by a replica."""

from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from contracts.images import Image
from infrastructure.postgres.replica import Replica
from infrastructure.postgres.rows import SELECT_IMAGES, image_of

Place: TypeAlias = tuple[datetime, UUID]
"""A place in the order of lists: time of creation and id of an image, which need not exist any more."""


class Catalogue:
    """What can be found out about images, as of the replica's position.

    Both questions raise Unavailable when no replica answers in time.
    """

    def __init__(self, replica: Replica) -> None:
        self._replica = replica

    async def select_image(self, image_id: UUID) -> Image | None:
        """The image, whatever its visibility; None when there is none or it is deleted."""
        rows = await self._replica.fetch(_SELECT_IMAGE, image_id)
        return image_of(rows[0]) if rows else None

    async def select_page(
        self, *, limit: int, after: Place | None = None, tags: tuple[str, ...] = (), content_type: str | None = None
    ) -> tuple[Image, ...]:
        """At most `limit` public images behind a place, with all of `tags`, of one type.

        Newest first; of one time, those with the highest ids.
        """
        statement, arguments = page_statement(limit, after, tags, content_type)
        return tuple(image_of(row) for row in await self._replica.fetch(statement, *arguments))


_SELECT_IMAGE = f"{SELECT_IMAGES} WHERE images.id = $1 AND images.deleted_at IS NULL"


def page_statement(
    limit: int, after: Place | None, tags: tuple[str, ...], content_type: str | None
) -> tuple[str, list[object]]:
    """The statement for a page and its arguments.

    Only the filters that are asked for appear in it, so that each combination is planned for what it is.
    """
    arguments: list[object] = [limit]
    conditions = ["images.deleted_at IS NULL", "images.visibility = 'public'"]
    if after is not None:
        arguments += after
        conditions.append("(images.created_at, images.id) < ($2, $3)")
    if tags:
        arguments.append(tags)
        conditions.append(f"images.tags @> ${len(arguments)}")
    if content_type is not None:
        arguments.append(content_type)
        conditions.append(f"images.content_type = ${len(arguments)}")
    where = " AND ".join(conditions)
    return f"{SELECT_IMAGES} WHERE {where} ORDER BY images.created_at DESC, images.id DESC LIMIT $1", arguments
