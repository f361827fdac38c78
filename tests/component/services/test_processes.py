"""Services as processes: how they start, what they say when they can't, and how they end."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from deploy.local import ports
from tests.eventually import eventually

KINDS = ("write", "read", "worker")


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Awaitable[Process]]]:
    """Starts a service with these variables; what still runs in the end is killed."""
    started: list[Process] = []

    async def begin(kind: str, environment: dict[str, str]) -> Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"services.{kind}.main"),
            env={**os.environ, **environment},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def end(process: Process) -> tuple[int, str]:
    """Its exit status and what it said."""
    async with asyncio.timeout(60):
        _, said = await process.communicate()
    return process.returncode, said.decode()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_service_ends_in_good_order(start, kind, server_environment):
    """SIGTERM: it stops listening, closes what it stands on, and leaves with status 0."""
    (port,) = ports.choose(1)
    process = await start(kind, {**server_environment, "CHITRAM_PORT": str(port), "CHITRAM_RENDER_PROCESSES": "1"})

    async def is_ready() -> None:
        async with httpx.AsyncClient() as client:
            try:
                answer = await client.get(f"http://127.0.0.1:{port}/health/ready", timeout=5)
            except httpx.HTTPError:
                raise AssertionError("it does not answer yet") from None
            assert answer.status_code == 200

    await eventually(is_ready)
    process.send_signal(signal.SIGTERM)
    status, said = await end(process)
    assert status == 0, said
    assert '"level":"error"' not in said


@pytest.mark.parametrize("kind", KINDS)
async def test_a_missing_variable_stops_the_start_and_is_named(start, kind):
    """One line, status 2."""
    process = await start(kind, {"CHITRAM_POSTGRES_PRIMARY": "", "CHITRAM_POSTGRES_REPLICAS": ""})
    status, said = await end(process)
    assert status == 2
    assert "CHITRAM_POSTGRES" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("kind", "variable"),
    [("write", "CHITRAM_SECRET_KEYS"), ("read", "CHITRAM_SECRET_KEYS"), ("worker", "CHITRAM_S3_SECRET_KEY")],
)
async def test_without_a_secret_nothing_starts(start, kind, variable, server_environment):
    """The last line names what is missing, with status 2; there is no secret to fall back on."""
    process = await start(kind, {**server_environment, variable: ""})
    status, said = await end(process)
    assert status == 2, said
    *_, last = said.strip().splitlines()
    assert last.startswith("configuration: ")
    assert variable in last


@pytest.mark.parametrize("kind", KINDS)
async def test_a_missing_database_stops_the_start_and_is_named(start, kind, server_environment):
    """One line, status 3."""
    (port,) = ports.choose(1)
    nowhere = f"postgresql://chitram:secret@127.0.0.1:{port}/chitram"
    environment = {"CHITRAM_POSTGRES_PRIMARY": nowhere, "CHITRAM_POSTGRES_REPLICAS": nowhere}
    process = await start(kind, {**server_environment, **environment})
    status, said = await end(process)
    assert status == 3, said
    assert "Postgres" in said
    assert "Traceback" not in said
    assert "secret" not in said
