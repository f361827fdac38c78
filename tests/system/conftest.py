"""Stacks for the system tests.

`stack` is one for the whole run, shared by all workers; no test may disturb it. `api` speaks to it.
`own_stack` is a module's own, to be mistreated; each test leaves it running. `new_stack` makes some that don't run yet.
With `CHITRAM_TEST_URL` tests that need no more than an address speak to the system there, and all others are skipped.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.system.clients import Client
from tests.system.stack import Stack, swept

ELSEWHERE = os.environ.get("CHITRAM_TEST_URL", "").rstrip("/")


def _needs_a_command_line() -> None:
    if ELSEWHERE:
        pytest.skip("needs a stack of `chitram up`, and CHITRAM_TEST_URL names another system")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Started by whoever needs it first, stopped by whoever needs it last."""
    _needs_a_command_line()
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    place = base / "stack"
    users = base / "stack.users"
    with _locked(base):
        count = int(users.read_text()) if users.exists() else 0
        if count == 0:
            made = Stack(swept(place))
            made.up()
        else:
            made = Stack(place, int(place.joinpath("port").read_text()))
        place.joinpath("port").write_text(str(made.port))
        users.write_text(str(count + 1))
    yield made
    with _locked(base):
        count = int(users.read_text()) - 1
        users.write_text(str(count))
        if count == 0:
            made.chitram("down", "--purge", "--yes")


@pytest.fixture(scope="session")
def api(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client of the shared stack, or of the system at `CHITRAM_TEST_URL`, through nginx."""
    url = ELSEWHERE or request.getfixturevalue("stack").url
    with Client(url) as client:
        yield client


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack that the tests of one module may mistreat."""
    _needs_a_command_line()
    made = Stack(swept(tmp_path_factory.mktemp("own") / "stack"))
    made.up()
    yield made
    made.chitram("down", "--purge", "--yes")


@pytest.fixture
def new_stack(tmp_path: Path) -> Iterator[Callable[[str], Stack]]:
    """Makes stacks, by the name of their directory, that don't run yet; in the end they are stopped."""
    _needs_a_command_line()
    made: list[Stack] = []

    def make(name: str = "stack") -> Stack:
        made.append(Stack(swept(tmp_path / name)))
        return made[-1]

    yield make
    for stack in made:
        stack.chitram("down", "--purge", "--yes")


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    with (directory / "stack.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
