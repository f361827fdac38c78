"""Tests of one group run in one worker, as they have to where they share what is dear."""

import pytest

pytestmark = pytest.mark.xdist_group("groups")


def test_the_scheduler_knows_the_group(request):
    """A pytest that pytest-xdist doesn't know yet may hide it, and nothing else would tell."""
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("nobody distributes tests by group")
    assert request.node.nodeid.endswith("@groups"), "pytest-xdist doesn't group tests with this pytest"
