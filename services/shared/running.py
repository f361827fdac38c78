"""The run loop of every process: configuration, logs, one event loop, one server, a graceful end."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from ipaddress import ip_address
from typing import Annotated, Any

import msgspec
import uvicorn
import uvloop
from litestar.types import ASGIApp

from contracts.errors import Unavailable
from infrastructure import env, failpoints
from infrastructure.telemetry import logs
from infrastructure.telemetry.config import TelemetryConfig
from services.shared.protocol import Protocol

logger = logging.getLogger(__name__)

DRAIN = 10
"""Seconds that requests in hand have to finish after SIGTERM."""

KEEP_ALIVE = 90
"""Seconds an idle connection stays open: more than nginx keeps its own (60), lest it send into a closing one."""

EVERYWHERE = ("0.0.0.0", "::")


class ProcessConfig(msgspec.Struct, frozen=True):
    """Where a process listens. After SIGTERM connections without a request stay open for `linger` seconds: for a
    gateway that isn't told beforehand, and that itself leaves them after a shorter time.
    """

    host: str = msgspec.field(name="CHITRAM_HOST", default="127.0.0.1")
    port: int = msgspec.field(name="CHITRAM_PORT", default=8000)
    linger: Annotated[float, msgspec.Meta(ge=0, lt=DRAIN)] = msgspec.field(name="CHITRAM_LINGER", default=0.0)

    @property
    def address(self) -> str:
        """Where others find it: `http://host:port`. May block where it listens everywhere and looks up its own host."""
        host = _own_address() if self.host in EVERYWHERE else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def run(open_app: Callable[[], AbstractAsyncContextManager[ASGIApp]]) -> None:
    """Runs a service until SIGTERM or SIGINT, then ends it gracefully.

    A configuration that can't be used ends the process with status 2, a dependency that is not there with
    status 3, each with one line that says so; whatever keeps the process alive starts it again.
    """
    try:
        telemetry = env.read(TelemetryConfig)
        logs.configure(telemetry.name, telemetry.level)
        config = env.read(ProcessConfig)
        failpoints.arm()
        uvloop.run(_serve(open_app, config))
    except env.ConfigError as error:
        sys.exit(_last_words(2, f"configuration: {error}"))
    except Unavailable as error:
        sys.exit(_last_words(3, f"can't start: {error}"))


async def _serve(open_app: Callable[[], AbstractAsyncContextManager[ASGIApp]], config: ProcessConfig) -> None:
    async with open_app() as app:
        server = uvicorn.Server(_uvicorn_config(app, config))
        # uvicorn raises the signal that ended it once more, for the handler it found: it must not kill what is
        # still to be closed. A function, not SIG_IGN, which the children that render would inherit.
        for ending in (signal.SIGTERM, signal.SIGINT):
            signal.signal(ending, lambda *_: None)
        logger.info("listening on %s:%d", config.host, config.port)
        await server.serve()
    await asyncio.sleep(0)  # lets the transports that were closed last say goodbye


def _uvicorn_config(app: Any, config: ProcessConfig) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=config.host,
        port=config.port,
        http=partial(Protocol, linger=config.linger),  # type: ignore[arg-type]  # it is only called
        ws="none",
        lifespan="off",  # opening and closing is the composition root's business
        log_config=None,
        access_log=False,  # nginx writes the access log
        server_header=False,
        proxy_headers=False,  # the client's address is nginx's to tell; nothing here trusts a header for it
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=DRAIN,
    )


def _own_address() -> str:
    """The first that this host's name has beside loopback; the name when it has none."""
    name = socket.gethostname()
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]
    except OSError:
        return name
    return next((address for address in found if not ip_address(address).is_loopback), name)


def _last_words(status: int, text: str) -> int:
    print(text, file=sys.stderr)  # noqa: T201 - logging may not be configured yet
    return status


@asynccontextmanager
async def background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs a task that never ends by itself while the block runs.

    If it does end, with an error or without, the process can't do its work: it is logged and the process ends.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(_end_process)
    try:
        yield
    finally:
        task.remove_done_callback(_end_process)
        while not task.done():  # a driver's wait_for may swallow a cancellation (Python 3.11)
            task.cancel()
            await asyncio.wait([task], timeout=0.5)


def _end_process(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        logger.critical("a background task ended", exc_info=task.exception())
        signal.raise_signal(signal.SIGTERM)
