"""Asking for variants to be made anew."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from contracts.variants import VARIANTS
from services.worker.ports import Looked, RerenderList

THE_BEGINNING = datetime.fromtimestamp(0, UTC)
NO_ID = UUID(int=0)


async def request_rerender(
    named: Sequence[str], since: datetime | None, *, avif: bool, rerenders: RerenderList, told: Callable[[Looked], None]
) -> None:
    """Puts every blob that is due on the list: with the variants that are named, else with those that would be made
    otherwise today. Only blobs stored at `since` or later. `told` hears of each step. Raises `Unavailable`; asked for
    again, nothing is on the list twice.
    """
    last: UUID | None = NO_ID
    while last is not None:
        looked = await rerenders.request(last, _wanted(avif=avif), named=named, since=since or THE_BEGINNING)
        told(looked)
        last = looked.last


def _wanted(*, avif: bool) -> list[dict[str, object]]:
    """What every blob should have, as some fields of its derivatives."""
    wanted: list[dict[str, object]] = [{"variant": variant.name, "recipe": variant.recipe} for variant in VARIANTS]
    return wanted + [{**each, "content_type": "image/avif"} for each in wanted if avif]
