"""When an event asks for derivatives, and what is told of them."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
import pytest

from contracts.events import ImageUploaded
from contracts.images import Blob, Failure, Image, Status
from services.worker.derive import LONGEST_WAIT, OneAtATime, derive, give_up

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BLOB = Blob(uuid4(), "00" * 32, 1000, "image/jpeg", 40, 30, 1, ("one", "two"))


class Progress(msgspec.Struct):
    state: Status
    seconds: float = 0.7


class Ledger:
    """Knows one blob, and which images still wait to hear of it."""

    def __init__(self, state: Status | None, waiting: set) -> None:
        self.progress = state and Progress(state)
        self.waiting = waiting
        self.failures: list[tuple[str, bool]] = []

    async def progress_of(self, _):
        return self.progress

    async def record_joined(self, image_id):
        if self.progress and self.progress.state is not Status.PROCESSING and image_id in self.waiting:
            self.waiting.remove(image_id)
            return image_id
        return None

    async def record_failed(self, _, failure, *, for_good, seconds=None):
        self.failures.append((failure.code, for_good))
        self.progress = Progress(Status.FAILED)


class Work:
    """An event's handling with everything around it in view."""

    def __init__(self, state: Status | None, *, waits: bool = True, code: str = "INVALID_IMAGE") -> None:
        self.image = Image(id=uuid4(), version=1, blob=BLOB, filename="a.jpg", created_at=NOW, updated_at=NOW)
        self.ledger = Ledger(state, {self.image.id} if waits else set())
        self.slept: list[float] = []
        self.rendered = 0
        self.cleared: list[UUID] = []
        self._code = code
        self._blobs = OneAtATime()

    async def get(self, *_, **__):
        await asyncio.sleep(0)
        return b"bytes"

    async def _render(self, *_):
        self.rendered += 1
        await asyncio.sleep(0)
        return Failure(self._code, "no")

    async def clear(self, blob_id) -> None:
        self.cleared.append(blob_id)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def do(self, image: Image | None = None) -> None:
        await derive(
            ImageUploaded(uuid4(), NOW, image or self.image),
            blobs=self._blobs,
            objects=self,
            render=self._render,
            ledger=self.ledger,
            clear=self.clear,
            timer=lambda: 0.0,
            sleep=self.sleep,
        )


@pytest.mark.parametrize("state", [Status.READY, None])
async def test_what_is_ready_or_gone_is_not_rendered_again(state):
    """Events come more than once; no object is fetched for those that are settled. What is gone is cleared up after."""
    work = Work(state, waits=False)
    await work.do()
    assert work.rendered == 0
    assert work.cleared == ([] if state else [BLOB.id])


async def test_a_blob_that_is_erased_meanwhile_is_cleared_up_after():
    """The erasing did not know what was stored."""
    work = Work(Status.PROCESSING)

    async def erased(*_, **__) -> None:
        work.ledger.progress = None

    work.ledger.record_failed = erased
    await work.do()
    assert (work.rendered, work.cleared) == (1, [BLOB.id])


@pytest.mark.parametrize("state", [Status.READY, Status.FAILED])
async def test_an_image_that_joined_hears_of_its_blob_after_as_long_as_rendering_took(state):
    """Nobody can tell from the clock that his bytes were here before."""
    work = Work(state)
    await work.do()
    assert work.rendered == 0
    assert work.slept == [0.7]
    assert work.ledger.waiting == set()


async def test_images_that_joined_wait_side_by_side_and_not_for_long():
    """However many come with bytes that once took a minute, other pictures get their turn."""
    work = Work(Status.FAILED)
    work.ledger.progress.seconds = 60.0
    others = {uuid4() for _ in range(3)}
    work.ledger.waiting |= others
    all_wait = asyncio.Barrier(4)

    async def sleep(seconds: float) -> None:
        work.slept.append(seconds)
        async with asyncio.timeout(60):
            await all_wait.wait()

    work.sleep = sleep
    images = [work.image, *(msgspec.structs.replace(work.image, id=image_id) for image_id in others)]
    await asyncio.gather(*(work.do(image) for image in images))
    assert work.slept == [LONGEST_WAIT] * 4
    assert work.ledger.waiting == set()


async def test_images_that_waited_for_the_rendering_itself_wait_no_more():
    """They have waited as long as it took."""
    work = Work(Status.PROCESSING)
    other = uuid4()
    work.ledger.waiting.add(other)
    await asyncio.gather(work.do(), work.do(msgspec.structs.replace(work.image, id=other)))
    assert work.slept == []


async def test_a_failed_blob_that_nobody_waits_for_is_rendered_again():
    """An event that somebody sends again asks for another try."""
    work = Work(Status.FAILED, waits=False)
    await work.do()
    assert work.rendered == 1


async def test_of_images_that_come_with_the_same_bytes_at_once_one_is_rendered():
    """The others wait for it, and hear what became of it."""
    work = Work(Status.PROCESSING)
    others = {uuid4() for _ in range(7)}
    work.ledger.waiting |= others
    images = [work.image, *(msgspec.structs.replace(work.image, id=image_id) for image_id in others)]
    await asyncio.gather(*(work.do(image) for image in images))
    assert work.rendered == 1
    assert work.ledger.waiting == set()


@pytest.mark.parametrize(("code", "for_good"), [("INVALID_IMAGE", True), ("RENDER_FAILED", False)])
async def test_only_bad_bytes_fail_for_good(code, for_good):
    """What lacked time or memory gets another chance when it is sent again."""
    work = Work(Status.PROCESSING, code=code)
    await work.do()
    assert work.ledger.failures == [(code, for_good)]


async def test_what_was_tried_often_enough_may_be_sent_again():
    """Whatever was in the way may be gone then."""
    work = Work(Status.PROCESSING)
    await give_up(ImageUploaded(uuid4(), NOW, work.image), ledger=work.ledger)
    assert work.ledger.failures == [("PROCESSING_FAILED", False)]
