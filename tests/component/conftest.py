"""On official images only what reaches one is run: all else would be the same once more."""

from pathlib import Path

import pytest

from tests import official

HERE = Path(__file__).parent
SERVERS = {"postgres", "redis_server", "nats_server", "s3_server"}
"""The fixtures that are images then (`tests/servers.py`)."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the tests here that need none of them."""
    if not official.WANTED:
        return
    kept, left_out = [], []
    for item in items:
        reaches = not isinstance(item, pytest.Function) or SERVERS & set(item.fixturenames)
        (kept if reaches or not item.path.is_relative_to(HERE) else left_out).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept
