"""Real, odd, malformed and hostile files through nginx: what becomes of each, and what strangers get to see."""

from uuid import uuid4

import msgspec
import psutil
import pytest

from tests import corpus
from tests.eventually import eventually
from tests.system import private
from tests.system.clients import SPARE, Client
from tests.system.takeup import IMAGES, Fate, Takeup

pytestmark = [corpus.needed, pytest.mark.xdist_group("corpus")]
"""The files are uploaded once, so these tests share a worker."""

REFUSALS = {"EMPTY_FILE", "INVALID_FILE_FORMAT", "INVALID_IMAGE", "IMAGE_TOO_LARGE", "FILE_TOO_LARGE"}
ROWS = corpus.rows("ready", "refuse", "broken")
READY = corpus.rows("ready")
TELLING = [row for row in READY if row.private_metadata == "yes"]


class Run(msgspec.Struct, frozen=True):
    """All files with their fates, the processes before they came, answers that nobody should have got, and requests
    that were told to come back.
    """

    fates: dict[str, Fate]
    pids: dict[str, int]
    faults: list[str]
    returns: list[str]
    tag: str

    def view(self, row: corpus.Expected) -> dict:
        """The view of a file that should be ready."""
        view = self.fates[row.file].view
        assert view, "not settled"
        return view


@pytest.fixture(scope="module")
def run(stack, api) -> Run:
    """Uploads every file, and waits until each is decided."""
    tag = f"corpus-{uuid4().hex[:8]}"
    pids = stack.pids()
    with Client(str(api.base_url)) as client:
        takeup = Takeup(client, tags=tag)
        return Run(takeup.all(ROWS), pids, takeup.faults, client.returns, tag)


@corpus.each("ready", "refuse", "broken")
def test_each_file_ends_as_it_should(run, row):
    """Good ones are ready and what they are, others are refused or fail, and everyone is told why."""
    fate = run.fates[row.file]
    if fate.status == 201 and row.outcome != "refuse":
        view = run.view(row)
        assert view["content_type"] == row.content_type
        assert [view["width"], view["height"], view["frames"]] == [int(row.width), int(row.height), int(row.frames)]
        if row.outcome == "ready":
            assert (view["status"], set(view["thumbnails"])) == ("ready", {"small", "medium", "large"})
        else:
            assert (view["status"], view["failure"]["code"], view["thumbnails"]) == ("failed", "INVALID_IMAGE", {})
    else:
        assert row.outcome != "ready", fate.answer
        assert fate.status in (400, 413)
        assert fate.answer["code"] in REFUSALS
        assert fate.answer["detail"]


async def test_nothing_broke_on_the_way(run, stack):
    """No answer was a fault of ours, nobody died or was restarted, and nothing is left to do."""
    assert run.faults == []
    assert len(run.returns) <= SPARE, run.returns
    assert stack.pids() == run.pids

    def nothing_waits() -> None:
        waiting = stack.metrics("worker-", "queue_depth", "outbox_pending")
        assert waiting
        assert set(waiting.values()) == {0.0}

    await eventually(nothing_waits)


async def test_no_process_that_decodes_outlives_its_work(run, stack):
    """Each worker has as many as it should have, each is its worker's own, and all come to rest."""

    def all_rest() -> None:
        decoding = stack.living("infrastructure.imaging.child")
        workers = [pid for name, pid in stack.pids().items() if name.startswith("worker-")]
        assert sorted(process.ppid() for process in decoding) == sorted(2 * workers)
        assert {process.status() for process in decoding} == {psutil.STATUS_SLEEPING}

    await eventually(all_rest)


def test_what_a_file_says_about_people_is_in_no_bytes_that_strangers_get(run, api):
    """Not in the file, the thumbnails, the view or the lists: what Pillow reads of the original is looked for there."""
    leaks, searched = [], 0
    pages = list_pages(api, run.tag)
    for row in TELLING:
        words = private.secrets(row.data)
        searched += bool(words)
        view = run.view(row)
        for where, data in [file(view, api), *thumbnails(view, api)]:
            leaks += [
                f"{row.file}: {name} in {where}" for name, found in words.items() if any(w in data for w in found)
            ]
        shown = (api.get(f"{IMAGES}/{view['id']}").content, *pages)
        secret = set().union(*words.values()).difference(*(words.get(name, ()) for name in private.CAMERA))
        leaks += [f"{row.file}: {word} in JSON" for page in shown for word in secret if word in page]
    assert leaks == []
    assert searched > 40
    assert b'"gps"' not in b"".join(pages)


@pytest.mark.skipif(private.EXIFTOOL is None, reason="needs exiftool")
def test_exiftool_reads_nothing_about_people(run, api, tmp_path):
    """In no file, and in no thumbnail of those whose originals tell something, as it reads in these."""
    for name in ("before", "after"):
        (tmp_path / name).mkdir()
    for number, row in enumerate(READY):
        view = run.view(row)
        telling = row in TELLING
        if telling:
            (tmp_path / "before" / f"{number}-{row.path.name}").write_bytes(row.data)
        for where, data in [file(view, api), *(thumbnails(view, api) if telling else ())]:
            (tmp_path / "after" / f"{number}-{row.path.stem}-{where}").write_bytes(data)
    assert sum(bool(tags) for tags in private.told(tmp_path / "before").values()) > 40
    assert {name: tags for name, tags in private.told(tmp_path / "after").items() if tags} == {}


def file(view: dict, api) -> tuple[str, bytes]:
    """The file of an image, and what to call it."""
    answer = api.get(view["url"])
    assert answer.status_code == 200
    return f"file.{view['content_type'].partition('/')[2]}", answer.content


def thumbnails(view: dict, api) -> list[tuple[str, bytes]]:
    """Every thumbnail in every format that is made by default, and what to call it."""
    found = []
    for name, thumbnail in view["thumbnails"].items():
        for accept in ("image/webp", "*/*"):
            answer = api.get(thumbnail["url"], headers={"accept": accept})
            assert answer.status_code == 200
            found.append((f"{name}.{answer.headers['content-type'].partition('/')[2]}", answer.content))
    return found


def list_pages(api, tag: str) -> list[bytes]:
    """Every page of the list of this run's images."""
    pages, query = [], {"tags": tag, "limit": "100"}
    while True:
        answer = api.get(IMAGES, params=query)
        pages.append(answer.content)
        if not (cursor := answer.json()["next_cursor"]):
            return pages
        query["cursor"] = cursor
