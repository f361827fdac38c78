"""Rendering in real children."""

import asyncio
import io
import os
import signal
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import psutil
import pytest
from PIL import Image

from infrastructure.imaging import child, renderer
from infrastructure.imaging.config import FenceConfig, ImagingLimits
from infrastructure.imaging.fence import Fence, open_fence
from infrastructure.imaging.probe import probe
from infrastructure.imaging.rendered import READY, Job, Rendered, Settings, Undecodable
from infrastructure.imaging.renderer import Renderer, StartError
from tests import corpus
from tests.eventually import becomes
from tests.unit.imaging import files

PHOTO = files.saved("JPEG", files.picture(400, 300))


@pytest.fixture(scope="module")
async def fence():
    """A fence with one child."""
    async with open_fence(FenceConfig(processes=1, jobs=10_000)) as opened:
        yield opened


async def rendered(fence: Fence, data: bytes, **options) -> Rendered:
    """What is made of a file as it would be uploaded."""
    found = probe(io.BytesIO(data), ImagingLimits())
    return await fence.render(data, found.content_type, pixels=found.pixels, frames=found.frames, **options)


async def test_render(fence):
    """A picture comes back in all variants, with its description."""
    found = await rendered(fence, PHOTO)
    assert {each.variant for each in found.pictures} == {"small", "medium", "large"}
    assert found.placeholder
    assert found.dominant_color.startswith("#")


@corpus.needed
@corpus.each("ready")
async def test_good_files(fence, row):
    """Every good file of the corpus is rendered: it has pictures, each inside its box."""
    found = await rendered(fence, row.data)
    boxes = {"small": 150, "medium": 300, "large": 800}
    assert {each.variant for each in found.pictures} == boxes.keys()
    for each in found.pictures:
        assert 1 <= max(each.width, each.height) <= boxes[each.variant]
        assert each.data


@corpus.needed
@corpus.each("broken")
async def test_broken_files(fence, row):
    """A file with a good header and a bad body is refused, by the decoder where the probe has let it pass."""
    with pytest.raises(Undecodable) as refusal:
        await fence.render(row.data, row.content_type, pixels=int(row.width) * int(row.height))
    assert refusal.value.code == "INVALID_IMAGE"
    assert refusal.value.message.endswith(".")


@corpus.needed
@corpus.each("refuse")
async def test_files_that_never_get_here(fence, row):
    """Whatever is sent to a decoder that shouldn't be does no harm: it is refused, or harmless after all."""
    pids = fence.pids
    for content_type in ("image/png", "image/gif", "image/jpeg", "image/webp", "image/avif"):
        with suppress(Undecodable):
            await fence.render(row.data, content_type, pixels=1)
    assert fence.pids == pids


async def test_what_a_child_gives_up(fence):
    """A child has no secrets, no network, little memory, and can write no file."""
    status = psutil.Process(fence.pids[0])
    assert not {name for name in status.environ() if name.startswith("CHITRAM")}
    assert status.rlimit(psutil.RLIMIT_AS) == (2**30, 2**30)
    assert status.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
    assert status.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    if os.geteuid() == 0:
        assert namespace(status.pid) != namespace(os.getpid())


def namespace(pid: int) -> Path:
    """The network that a process can see."""
    return Path(f"/proc/{pid}/ns/net").readlink()


async def test_a_killed_child_is_replaced(fence):
    """When somebody kills a child, the next picture does not notice."""
    (before,) = fence.pids
    os.kill(before, signal.SIGKILL)
    await rendered(fence, PHOTO)
    assert before not in fence.pids


async def test_many_pictures_and_many_deaths():
    """Pictures are rendered though children are killed all the time."""
    async with open_fence(FenceConfig(processes=2)) as fence:
        work = [asyncio.create_task(rendered(fence, PHOTO)) for _ in range(20)]
        for _ in range(3):
            await asyncio.sleep(0)
            for pid in fence.pids:
                with suppress(ProcessLookupError):  # it ended by itself
                    os.kill(pid, signal.SIGKILL)
            await becomes(lambda: len(fence.pids), 2)
        assert len({found.placeholder for found in await asyncio.gather(*work)}) == 1


async def test_children_make_way():
    """After a number of pictures a child is replaced by a new one."""
    async with open_fence(FenceConfig(processes=1, jobs=2)) as fence:
        (before,) = fence.pids
        for _ in range(3):
            await rendered(fence, PHOTO)
        assert before not in fence.pids


async def test_too_slow():
    """A picture that takes too long is given up after a second attempt, and the next one is rendered."""
    large = files.saved("PNG", files.picture(4500, 4000))
    async with open_fence(FenceConfig(processes=1, seconds=0.15)) as fence:
        with pytest.raises(Undecodable, match="too much time") as refusal:
            await rendered(fence, large)
        assert refusal.value.code == "RENDER_FAILED"
        assert await rendered(fence, files.saved("GIF", files.picture(2, 2)))


async def test_given_up():
    """A render that nobody waits for any more is ended, not finished."""
    large = files.saved("PNG", files.picture(4000, 3000))
    async with open_fence(FenceConfig(processes=1)) as fence:
        (before,) = fence.pids
        work = asyncio.create_task(rendered(fence, large))
        await asyncio.sleep(0.05)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert await rendered(fence, PHOTO)
        assert before not in fence.pids


async def test_nothing_is_left():
    """All children are gone when the fence is."""
    async with open_fence(FenceConfig(processes=2)) as fence:
        pids = fence.pids
    assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_children_end_with_their_parent(tmp_path):
    """A worker that is killed leaves no child behind, not even one that is busy."""
    script = tmp_path / "worker.py"
    script.write_text(_WORKER)
    root = Path(__file__).parents[3]
    parent = await asyncio.create_subprocess_exec(
        sys.executable, script, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(root)}
    )
    pids = [int(pid) for pid in (await parent.stdout.readline()).split()]
    assert all(psutil.pid_exists(pid) for pid in pids)
    parent.kill()
    await parent.wait()
    await becomes(lambda: [pid for pid in pids if psutil.pid_exists(pid)], [])


_WORKER = """
import asyncio, io
from infrastructure.imaging.config import FenceConfig
from infrastructure.imaging.fence import open_fence
from tests.unit.imaging import files

async def main():
    async with open_fence(FenceConfig(processes=2)) as fence:
        data = files.saved("PNG", files.picture(1500, 1000))
        print(*fence.pids, flush=True)
        await asyncio.gather(*(fence.render(data, "image/png", pixels=1_500_000) for _ in range(500)))

asyncio.run(main())
"""


@asynccontextmanager
async def fence_of_fakes(monkeypatch, **config):
    """A fence whose children misbehave as they are told to."""
    monkeypatch.setattr(renderer, "_COMMAND", (sys.executable, "-m", "tests.component.imaging.fake_child"))
    async with open_fence(FenceConfig(processes=1, **config)) as fence:
        yield fence


@pytest.mark.parametrize("how", ["exit", "rubbish", "exhausted", "killed", "hang"])
async def test_misbehaviour(how, monkeypatch):
    """A child that dies, talks rubbish, runs out of memory or hangs costs its picture, not the next one."""
    async with fence_of_fakes(monkeypatch, seconds=0.5) as fence:
        with pytest.raises(Undecodable) as refusal:
            await fence.render(b"", how, pixels=1)
        assert refusal.value.code == "RENDER_FAILED"
        with pytest.raises(Undecodable, match="damaged"):
            await fence.render(b"", "an ordinary refusal", pixels=1)


async def test_a_second_attempt(monkeypatch, tmp_path):
    """A picture that was the end of a child has a second attempt in another one."""
    async with fence_of_fakes(monkeypatch) as fence:
        with pytest.raises(Undecodable, match="damaged"):
            await fence.render(str(tmp_path / "seen").encode(), "once", pixels=1)


async def test_a_second_attempt_waits_for_those_who_have_had_none(monkeypatch):
    """A picture that hangs costs those behind it one time limit, not two."""
    ended = []

    async def refused(fence: Fence, how: str) -> None:
        with pytest.raises(Undecodable):
            await fence.render(b"", how, pixels=1)
        ended.append(how)

    async with fence_of_fakes(monkeypatch, seconds=0.5) as fence:
        hanging = asyncio.create_task(refused(fence, "hang"))
        await asyncio.sleep(0)  # it comes first
        await asyncio.gather(hanging, refused(fence, "an ordinary refusal"))
    assert ended == ["an ordinary refusal", "hang"]


@pytest.mark.parametrize("words", ["import nothing_of_that_name", "pass", "print('hello')"])
async def test_children_that_do_not_start(words, monkeypatch):
    """A fence whose children can't be started isn't opened, and says what they said."""
    monkeypatch.setattr(renderer, "_COMMAND", (sys.executable, "-c", words))
    with pytest.raises(StartError) as failure:
        async with open_fence(FenceConfig(processes=2)):
            pytest.fail("it opened")
    assert "can't be started" in str(failure.value)
    assert ("nothing_of_that_name" in str(failure.value)) == ("nothing" in words)


async def test_children_that_start_later(monkeypatch):
    """While the machine can't start a child, attempts go on."""
    start, failures = Renderer.start, iter([StartError("no"), OSError("no memory")])

    async def reluctant(config):
        for failure in failures:
            raise failure
        return await start(config)

    async with open_fence(FenceConfig(processes=1)) as fence:
        monkeypatch.setattr(Renderer, "start", reluctant)
        os.kill(fence.pids[0], signal.SIGKILL)
        assert await rendered(fence, PHOTO)


def test_a_child_from_inside(monkeypatch):
    """A child reads its settings, then jobs, until its input ends."""
    job = Job(b"", "image/jpeg", 1, child.VARIANTS, avif=False)
    frames = [msgspec.msgpack.encode(Settings(2**30, 20, 50_000_000)), msgspec.msgpack.encode(job), PHOTO]
    source = io.BytesIO(b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames))
    sink, limits = io.BytesIO(), []
    monkeypatch.setattr(child.sys, "stdin", io.TextIOWrapper(source))
    monkeypatch.setattr(child, "_private_output", lambda: sink)
    monkeypatch.setattr(child, "_silence", lambda: None)
    monkeypatch.setattr(child, "confine", limits.append)
    monkeypatch.setattr(child, "allow_cpu", limits.append)
    child.main()
    assert limits == [2**30, 20]
    said = sink.getvalue()
    assert said[4:9] == READY
    assert isinstance(msgspec.msgpack.decode(said[13:], type=Rendered), Rendered)


async def test_cpu_limit():
    """The kernel ends a process that has used the CPU it was allowed."""
    words = "from infrastructure.imaging.sandbox import allow_cpu\nallow_cpu(0)\nwhile True: pass"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", words, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    )
    assert await asyncio.wait_for(process.wait(), 30) == -signal.SIGXCPU


LARGEST = {
    "JPEG": ("JPEG", "RGB", {"progressive": True, "subsampling": 0}),
    "PNG": ("PNG", "RGBA", {"compress_level": 1}),
    "WebP": ("WEBP", "RGB", {"quality": 1, "method": 0}),
    "AVIF": ("AVIF", "RGBA", {"speed": 10, "quality": 1, "subsampling": "4:4:4"}),
}
"""The dearest of each format that is quickly made; `make bench` measures more of them."""


@pytest.mark.parametrize("name", LARGEST)
async def test_memory(name):
    """The largest picture that is taken in needs less than 400 MB."""
    kind, mode, options = LARGEST[name]
    large = files.saved(kind, Image.linear_gradient("L").resize((8000, 6250)).convert(mode), **options)
    async with open_fence(FenceConfig(processes=1)) as fence:
        await rendered(fence, large)
        assert peak_memory(fence.pids[0]) < 400_000_000


def peak_memory(pid: int) -> int:
    """The most memory that a process has held, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
