"""Tests of one group run in one worker, as they have to where they share what is dear."""

import os

import pytest

pytestmark = pytest.mark.xdist_group("groups")


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="all tests run in one process")
def test_the_scheduler_knows_the_group(request):
    """A pytest that pytest-xdist doesn't know yet may hide it, and nothing else would tell."""
    assert request.node.nodeid.endswith("@groups")
