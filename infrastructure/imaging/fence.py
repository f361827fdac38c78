"""Rendering in processes that can be killed."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from contracts.variants import VARIANTS, Variant
from infrastructure.imaging.admission import Admission
from infrastructure.imaging.config import FenceConfig
from infrastructure.imaging.rendered import Job, Refusal, Rendered, Undecodable
from infrastructure.imaging.renderer import KilledError, LostError, Renderer, StartError

_ATTEMPTS = 2
_MAX_CHILDREN = 8
"""Children that one picture may see the end of when it isn't to blame."""
_FIRST_PAUSE, _LAST_PAUSE = 0.1, 5.0
"""Seconds between attempts to start a child when the machine can't."""

log = logging.getLogger(__name__)


class Fence:
    """Renders pictures in children that are started ahead of the work and replaced when they end."""

    def __init__(self, config: FenceConfig) -> None:
        self._config = config
        self._idle: asyncio.Queue[Renderer] = asyncio.Queue()
        self._all: set[Renderer] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._admission = Admission(config.processes, config.pixels)

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the children that are there now."""
        return tuple(renderer.pid for renderer in self._all if renderer.alive)

    async def render(
        self,
        data: bytes,
        content_type: str,
        *,
        pixels: int,
        frames: int = 1,
        variants: Sequence[Variant] = VARIANTS,
        only: Sequence[str] = (),
        urgent: bool = True,
    ) -> Rendered:
        """Renders a picture that a probe found to be of this type, canvas (in pixels) and number of frames.

        Gives all the variants, or `only` those of these names. Waits for its turn as long as it takes; work that is
        not `urgent` gives way to work that is. A picture that ends its child, or takes too much of anything, is
        tried once more, when nothing urgent waits. Raises `Undecodable`.
        """
        job = Job(b"", content_type, frames, tuple(variants), self._config.avif, tuple(only))
        reply = await self._persist(job, data, pixels, urgent)
        if isinstance(reply, Rendered):
            return reply
        if isinstance(reply, Refusal):
            log.info("a picture was refused: %s", reply.reason)
            raise Undecodable("INVALID_IMAGE", "The file is damaged and can't be shown.")
        raise Undecodable("RENDER_FAILED", "The picture takes too much time or memory to be shown.")

    async def _persist(self, job: Job, data: bytes, pixels: int, urgent: bool) -> Rendered | Refusal | None:
        """A child's answer, None when the picture was the end of two."""
        guilt = 0
        for _ in range(_MAX_CHILDREN):
            try:
                async with self._admission.admit(pixels, urgent=urgent and not guilt):
                    return await self._attempt(job, data)
            except LostError as error:
                log.warning("a process that renders was lost: %s", error)
                guilt += not isinstance(error, KilledError)
            if guilt == _ATTEMPTS:
                break
        return None

    async def _attempt(self, job: Job, data: bytes) -> Rendered | Refusal:
        renderer = await self._take()
        reply = await renderer.run(job, data)
        if renderer.done < self._config.jobs:
            self._idle.put_nowait(renderer)
        else:
            await renderer.stop()
        return reply

    async def _take(self) -> Renderer:
        """The next idle child; those that ended while they were idle are passed over."""
        while True:
            renderer = await self._idle.get()
            if renderer.alive:
                return renderer

    async def start(self) -> None:
        """Starts the children. Raises `StartError`."""
        started = await asyncio.gather(
            *(Renderer.start(self._config) for _ in range(self._config.processes)), return_exceptions=True
        )
        renderers = [renderer for renderer in started if isinstance(renderer, Renderer)]
        for renderer in renderers:
            self._add(renderer)
        self._keepers = [asyncio.create_task(self._keep(renderer)) for renderer in renderers]
        for failure in started:
            if isinstance(failure, BaseException):
                raise failure

    async def stop(self) -> None:
        """Kills all children."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(renderer.stop() for renderer in self._all))

    async def _keep(self, renderer: Renderer) -> None:
        """Has another child take the place of one that ended, for ever."""
        while True:
            await renderer.ended()
            self._all.discard(renderer)
            renderer = await self._start_patiently()
            self._add(renderer)

    async def _start_patiently(self) -> Renderer:
        pause = _FIRST_PAUSE
        while True:
            try:
                return await Renderer.start(self._config)
            except (StartError, OSError) as error:
                log.error("%s", error)  # noqa: TRY400 - the sentence says it all
            await asyncio.sleep(pause)
            pause = min(_LAST_PAUSE, 2 * pause)

    def _add(self, renderer: Renderer) -> None:
        self._all.add(renderer)
        self._idle.put_nowait(renderer)


@asynccontextmanager
async def open_fence(config: FenceConfig) -> AsyncIterator[Fence]:
    """A fence whose children are all ready; they end with the block. Raises `StartError` when they can't be started."""
    fence = Fence(config)
    try:
        await fence.start()
        yield fence
    finally:
        await fence.stop()
