"""The parent's end of a child that renders."""

import asyncio
import os
import signal
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from pathlib import Path
from typing import cast

import msgspec

import infrastructure
from infrastructure.imaging.config import FenceConfig
from infrastructure.imaging.rendered import READY, Exhausted, Job, Refusal, Rendered, Reply, Settings

_ROOT = Path(infrastructure.__file__).parents[1]
_COMMAND = (sys.executable, "-m", "infrastructure.imaging.child")
_START_SECONDS = 30.0
_MAX_COMPLAINT = 2_000
_FROM_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})

_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


class StartError(Exception):
    """A child could not be started; the text says why."""


class LostError(Exception):
    """The child ended, or had to be ended, before it answered; it is gone, and its picture is to blame."""


class KilledError(LostError):
    """Somebody else ended the child: the machine short of memory, or a person. The picture is not to blame."""


class Renderer:
    """A child, ready for one picture after the other. `done` counts those it has answered."""

    def __init__(self, process: Process, config: FenceConfig) -> None:
        self._process = process
        self._stdin = cast("StreamWriter", process.stdin)
        self._stdout = cast("StreamReader", process.stdout)
        self._stderr = cast("StreamReader", process.stderr)
        self._config = config
        self.done = 0

    @classmethod
    async def start(cls, config: FenceConfig) -> "Renderer":
        """Starts a child and waits until it is ready. Raises `StartError`."""
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=_environment(),
            start_new_session=True,  # what a terminal or a supervisor sends to our group is for us alone
        )
        renderer = cls(process, config)
        settings = Settings(config.memory, config.cpu_seconds, config.max_pixels)
        try:
            async with asyncio.timeout(_START_SECONDS):
                await renderer._send(msgspec.msgpack.encode(settings))
                greeting = await renderer._receive()
        except (LostError, TimeoutError):
            greeting = b""
        except BaseException:
            await renderer.stop()
            raise
        if greeting != READY:
            raise StartError(f"a process that renders can't be started: {await renderer._last_words()}")
        return renderer

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the child is still there."""
        return self._process.returncode is None

    async def run(self, job: Job, data: bytes) -> Rendered | Refusal:
        """The child's answer. Raises `LostError` when there is none in time; the child is gone then."""
        try:
            async with asyncio.timeout(self._config.seconds):
                await self._send(msgspec.msgpack.encode(job), data)
                reply = _replies.decode(await self._receive())
        except (TimeoutError, msgspec.DecodeError) as error:
            await self.stop()
            raise LostError(
                f"no answer within {self._config.seconds:g} s" if isinstance(error, TimeoutError) else str(error)
            )
        except BaseException:
            await self.stop()
            raise
        if isinstance(reply, Exhausted):
            await self.stop()
            raise LostError("out of memory")
        self.done += 1
        return reply

    async def ended(self) -> None:
        """Waits until the child is no more."""
        await self._process.wait()

    async def stop(self) -> None:
        """Kills the child, whatever it is doing."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def _send(self, *frames: bytes) -> None:
        with suppress(ConnectionError):  # the child is gone: reading its answer says so
            for frame in frames:
                self._stdin.write(len(frame).to_bytes(4, "big"))
                self._stdin.write(frame)
            await self._stdin.drain()

    async def _receive(self) -> bytes:
        try:
            length = int.from_bytes(await self._stdout.readexactly(4), "big")
            return await self._stdout.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            status = await self._process.wait()
            kind = KilledError if -status in _FROM_OUTSIDE else LostError
            raise kind(f"ended with status {status}") from None

    async def _last_words(self) -> str:
        await self.stop()
        return (await self._stderr.read())[-_MAX_COMPLAINT:].decode(errors="replace").strip()


def _environment() -> dict[str, str]:
    """No secrets; one memory arena, since a child has one thread that matters."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LD_LIBRARY_PATH", "LANG", "TZ")}
    return {**kept, "PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1", "MALLOC_ARENA_MAX": "1"}
