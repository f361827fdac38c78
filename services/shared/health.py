"""Health: is the process alive, and can it do its work?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any, Protocol

import msgspec
from litestar import get
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler, route
from litestar.openapi.datastructures import ResponseSpec

from infrastructure.telemetry import metrics
from services.shared.answers import NO_STORE, Answer, json_answer

DEADLINE = 1.0
"""Seconds a dependency has to answer a check before it counts as down."""

KEEP = 1.0
"""Seconds that a report is given out again."""


class Health(StrEnum):
    """Of a service: everything there, something missing that it can do without, or unable to work."""

    OK = "ok"
    DEGRADED = "degraded"
    UNAVAILABLE = "unavailable"


class Dependency(msgspec.Struct, frozen=True):
    """Something a service stands on. `check` raises or gives False when it is not there.

    Without an essential dependency no work can be done, without the others less well.
    """

    name: str
    check: Callable[[], Awaitable[object]]
    essential: bool = True


class Shard(Protocol):
    """Somewhere that objects are."""

    async def ping(self) -> None: ...


class Storage(Protocol):
    """Shards that come and go."""

    @property
    def shards(self) -> Mapping[str, Shard]: ...

    def breakers(self) -> Mapping[str, str]:
        """`closed`, `open` or `half-open` of each shard, as this process uses it."""
        ...


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a check of all dependencies found, each by its name: `ok` or `down`; and the breakers of the shards."""

    status: Health
    service: str
    dependencies: dict[str, str]
    breakers: dict[str, str] = {}


def holds(condition: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    """A check that passes while the condition holds."""

    async def check() -> bool:
        return condition()

    return check


async def examine(service: str, dependencies: tuple[Dependency, ...], storage: Storage | None = None) -> Report:
    """Checks every dependency at once, and every shard; takes no longer than `DEADLINE`."""
    dependencies = (*dependencies, *_shards(storage))
    states = await asyncio.gather(*(_state(dependency) for dependency in dependencies))
    down = [dependency for dependency, state in zip(dependencies, states, strict=True) if state != "ok"]
    status = Health.UNAVAILABLE if any(d.essential for d in down) else Health.DEGRADED if down else Health.OK
    found = {d.name: state for d, state in zip(dependencies, states, strict=True)}
    return Report(status, service, found, dict(storage.breakers()) if storage else {})


def _shards(storage: Storage | None) -> list[Dependency]:
    """None is essential: where one is missing, others have the copies."""
    listed = storage.shards.items() if storage else ()
    return [Dependency(f"shard {name}", shard.ping, essential=False) for name, shard in listed]


class Examiner:
    """`examine`, at most once in `KEEP` seconds however many ask: it costs a question to every server."""

    def __init__(self, service: str, dependencies: tuple[Dependency, ...], storage: Storage | None = None) -> None:
        self._service = service
        self._dependencies = dependencies
        self._storage = storage
        self._report: Report | None = None
        self._old_at = 0.0
        self._examining = asyncio.Lock()

    async def report(self) -> Report:
        """What was found last, at most `KEEP` seconds ago."""
        async with self._examining:
            clock = asyncio.get_running_loop().time
            if self._report is None or clock() >= self._old_at:
                self._report = await examine(self._service, self._dependencies, self._storage)
                self._old_at = clock() + KEEP
            return self._report


async def _state(dependency: Dependency) -> str:
    try:
        async with asyncio.timeout(DEADLINE):
            there = await dependency.check() is not False
    except Exception:  # noqa: BLE001 - whatever goes wrong in a check means the same: it is not there
        there = False
    return "ok" if there else "down"


def health_routes(
    service: str, dependencies: tuple[Dependency, ...], storage: Storage | None = None
) -> list[HTTPRouteHandler]:
    """The routes that every service has; `/health` is the one that the public sees."""
    examiner = Examiner(service, dependencies, storage)

    @get("/health/live", include_in_schema=False, sync_to_thread=False)
    def live() -> dict[str, Any]:
        return {"status": "ok", "service": service}

    @get("/health/ready", include_in_schema=False)
    async def ready() -> Answer:
        return _answer(await examiner.report())

    @route(
        "/health",
        http_method=[HttpMethod.GET, HttpMethod.HEAD],
        responses={
            200: ResponseSpec(Report, generate_examples=False, description="It works, if perhaps not all of it"),
            503: ResponseSpec(Report, generate_examples=False, description="It does not work"),
        },
        summary="Whether the system works, each dependency by name",
        tags=["operating"],
    )
    async def health() -> Answer:
        return _answer(await examiner.report())

    @get("/metrics", include_in_schema=False, sync_to_thread=False)
    def measure() -> Answer:
        body, content_type = metrics.render()
        return Answer(200, [(b"content-type", content_type.encode())], body)

    return [live, ready, health, measure]


def _answer(report: Report) -> Answer:
    status = 503 if report.status is Health.UNAVAILABLE else 200
    return json_answer(status, report, [NO_STORE])
