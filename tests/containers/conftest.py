"""One compose stack for the whole run, made of the images of this checkout and gone when the run ends.

These tests need a Docker engine and minutes, so `make test` leaves them out: `make test-containers` runs them.
"""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.compose import Compose

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips everything here unless it was asked for."""
    if os.environ.get("CHITRAM_TEST_SERVERS") == "containers":
        return
    left_out = pytest.mark.skip(reason="needs a Docker engine: make test-containers")
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(left_out)


@pytest.fixture(scope="session")
def compose() -> Iterator[Compose]:
    """A running stack with three read services."""
    stack = Compose(f"chitram-test-{secrets.token_hex(3)}")
    try:
        stack("build", "--quiet")
        stack("up", "--detach", "--wait", "--wait-timeout", "240", "--scale", "read=3")
        yield stack
    finally:
        stack("down", "--volumes", "--timeout", "5")
