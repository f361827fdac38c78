"""Rendering anew: what is claimed, made, recorded, and given back."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest

from contracts.errors import ObjectMissing, Unavailable
from contracts.images import Failure
from contracts.variants import VARIANTS
from infrastructure.imaging.rendered import Rendered, RenderedPicture
from services.worker import rerender as use_case
from services.worker.request_rerender import request_rerender
from services.worker.rerender import ATTEMPTS, keep_rerendering, rerender
from tests.unit import samples

NAMES = tuple(variant.name for variant in VARIANTS)


class Claimed(msgspec.Struct, frozen=True):
    """A claim as the list gives it."""

    blob: object
    variants: tuple[str, ...]
    attempts: int = 1


class List:
    """A list that hands out what it is given and remembers what it is told."""

    def __init__(self, *claims: Claimed, recorded: bool = True) -> None:
        self.claims = list(claims)
        self.recorded = recorded
        self.told: list[tuple] = []

    async def claim(self, lease):
        return self.claims.pop(0) if self.claims else None

    async def keep(self, claimed, lease):
        self.told.append(("keep",))
        raise Unavailable  # it goes on all the same

    async def give_back(self, claimed, pause, *, counts):
        self.told.append(("give back", counts))

    async def record_problem(self, claimed, problem):
        self.told.append(("problem", problem))

    async def record(self, claimed, derivatives, *, described, grace):
        self.told.append(("record", tuple(made.variant for made in derivatives), bool(described)))
        return self.recorded


class Objects:
    """Shards that have every original."""

    error: Exception | None = None

    async def get(self, key, placement, *, sha256):
        if self.error:
            raise self.error
        return b"original"

    async def put(self, key, body, content_type):
        return ("one", "two")


async def render(data, blob, only=()):
    """Makes what is wanted."""
    pictures = tuple(RenderedPicture(name, "image/webp", 10, 10, name.encode()) for name in only)
    return Rendered(pictures, "hash", "#ffffff", "0" * 16)


def claim(*variants: str, attempts: int = 1) -> Claimed:
    return Claimed(samples.ready_image().blob, variants, attempts)


async def work(rerenders: List, objects: Objects | None = None, render=render) -> bool:
    return await rerender(rerenders=rerenders, objects=objects or Objects(), render=render)


async def test_an_empty_list_is_no_work():
    """Nothing is claimed and nothing done."""
    assert not await work(List())


@pytest.mark.parametrize(
    ("wanted", "recorded", "described"),
    [
        (("medium",), ("large", "large", "medium", "small", "small"), False),
        (NAMES, NAMES, True),
        (("medium", "gone"), ("large", "large", "medium", "small", "small"), False),
    ],
)
async def test_what_is_wanted_is_made_anew_and_the_rest_kept(wanted, recorded, described):
    """A description comes with a whole set only; a variant that isn't made any more is passed over."""
    listed = List(claim(*wanted))
    assert await work(listed)
    ((_, variants, was_described),) = listed.told
    assert (sorted(variants), was_described) == (sorted(recorded), described)


async def test_a_claim_is_renewed_no_more_when_the_work_is_done():
    """Nothing goes on behind it."""
    before = asyncio.all_tasks()
    assert await work(List(claim("small")))
    assert asyncio.all_tasks() <= before


async def test_variants_that_are_made_no_more_are_dropped():
    """What no reader can ask for is given up with the next change."""
    image = samples.ready_image()
    old = samples.derivative("tiny", "image/webp")
    blob = msgspec.structs.replace(image.blob, derivatives=(*image.blob.derivatives, old))
    listed = List(Claimed(blob, ("small",)))
    assert await work(listed)
    assert "tiny" not in listed.told[0][1]


async def test_a_blob_that_can_not_be_rendered_any_more_keeps_what_it_has():
    """The reason is recorded, and nothing else."""

    async def refuse(data, blob, only=()):
        return Failure("INVALID_IMAGE", "It is damaged.")

    listed = List(claim("small"))
    assert await work(listed, render=refuse)
    assert listed.told == [("problem", "INVALID_IMAGE")]


async def test_a_blob_that_was_tried_often_enough_is_not_tried_again():
    """Whatever it does to those who try."""
    listed = List(claim("small", attempts=ATTEMPTS + 1))
    assert await work(listed)
    assert listed.told == [("problem", "PROCESSING_FAILED")]


async def test_a_blob_that_somebody_changed_meanwhile_is_tried_again():
    """It is given back at once."""
    listed = List(claim("small"), recorded=False)
    assert await work(listed)
    assert listed.told[1:] == [("give back", True)]


@pytest.mark.parametrize(("error", "counts"), [(Unavailable(), False), (ObjectMissing(), True)])
async def test_when_something_is_not_there_the_blob_is_given_back(error, counts):
    """An outage is not the blob's fault, missing bytes are."""
    listed, objects = List(claim("small")), Objects()
    objects.error = error
    with pytest.raises(Unavailable):
        await work(listed, objects)
    assert listed.told == [("give back", counts)]


async def test_a_fault_of_one_blob_costs_no_other():
    """It is logged, and the blob given back."""
    listed, objects = List(claim("small")), Objects()
    objects.error = LookupError("a bug")
    assert await work(listed, objects)
    assert listed.told == [("give back", True)]


async def test_a_claim_is_held_while_the_work_lasts(monkeypatch):
    """Also when the primary can't be told for a while."""
    monkeypatch.setattr(use_case, "LEASE", timedelta(seconds=0.003))
    kept = asyncio.Event()

    class Kept(List):
        async def keep(self, claimed, lease):
            if self.told:
                kept.set()
            await super().keep(claimed, lease)

    async def slow(data, blob, only=()):
        await kept.wait()
        return await render(data, blob, only)

    listed = Kept(claim("small"))
    assert await work(listed, render=slow)
    assert listed.told[0] == ("keep",)


async def test_the_list_is_worked_off_and_outages_are_outlived(monkeypatch):
    """One blob after the other, until cancelled."""
    monkeypatch.setattr(use_case, "POLL", 0.001)
    done = asyncio.Event()
    objects = Objects()

    class Watched(List):
        async def claim(self, lease):
            if not self.claims:
                done.set()
            objects.error = Unavailable() if len(self.claims) == 2 else None
            return await super().claim(lease)

    listed = Watched(*(claim("small") for _ in range(3)))
    working = asyncio.create_task(keep_rerendering(1.0, rerenders=listed, objects=objects, render=render))
    await asyncio.wait_for(done.wait(), 10)
    working.cancel()
    assert [each[0] for each in listed.told] == ["record", "give back", "record"]


@pytest.mark.parametrize("avif", [False, True])
async def test_a_request_describes_what_every_picture_should_have(avif):
    """By today's recipes, with AVIF where it is made, until there is no more to look at."""
    asked, steps = [], []

    class Step(msgspec.Struct):
        last: object
        blobs: int = 5
        requested: int = 1

    class Asked:
        async def request(self, after, wanted, *, named, since):
            asked.append((after, wanted, named, since))
            return Step(uuid4() if len(asked) < 3 else None)

    await request_rerender(["small"], None, avif=avif, rerenders=Asked(), told=steps.append)
    assert [after for after, *_ in asked][1:] == [step.last for step in steps][:-1]
    _, wanted, named, since = asked[0]
    assert (named, since) == (["small"], datetime.fromtimestamp(0, UTC))
    assert {"variant": "small", "recipe": 1} in wanted
    assert ({"variant": "small", "recipe": 1, "content_type": "image/avif"} in wanted) == avif
