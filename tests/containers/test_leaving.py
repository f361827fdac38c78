"""A stack of its own that is thrown away again."""

import secrets

import pytest

from tests.containers.compose import Compose, docker


@pytest.fixture
def passing():
    """A stack that is down again in the end, whatever happens."""
    stack = Compose(f"chitram-test-{secrets.token_hex(3)}")
    yield stack
    stack("down", "--volumes", "--timeout", "5")


def test_down_leaves_nothing(passing):
    """No container, no volume, no network of it."""
    passing("build", "--quiet")
    passing("up", "--detach", "--wait", "--wait-timeout", "240", "valkey", "nats")
    passing("down", "--volumes")
    label = f"label=com.docker.compose.project={passing.project}"
    for kind in (("ps", "--all"), ("volume", "ls"), ("network", "ls")):
        assert docker(*kind, "--quiet", "--filter", label) == ""
