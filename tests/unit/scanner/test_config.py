"""Where a scanner can be."""

import pytest

from infrastructure import env
from infrastructure.scanner.config import OnError, ScannerConfig
from infrastructure.scanner.open import open_scanner
from services.write.http.budget import BUDGET


@pytest.mark.parametrize(
    "address",
    [
        "clamd://host:3310",
        "clamd://[::1]:3310",
        "clamd:///run/clamav/clamd.ctl",
        "http://host/scan",
        "https://host:8443",
    ],
)
def test_addresses_of_scanners_are_taken(address):
    """Refusing what can't be scanned is the default."""
    config = env.read(ScannerConfig, {"CHITRAM_SCANNER": address})
    assert (config.address, config.on_error) == (address, OnError.REFUSE)


@pytest.mark.parametrize(
    "address",
    ["host:3310", "clamd://host", "clamd://", "clamd:///", "clamd://host:port", "icap://host:1344", "http://"],
)
def test_anything_else_stops_the_start_and_names_the_variable(address):
    """Nobody believes to be protected who is not."""
    with pytest.raises(env.ConfigError, match="CHITRAM_SCANNER"):
        env.read(ScannerConfig, {"CHITRAM_SCANNER": address})


def test_a_verdict_may_not_take_longer_than_an_upload():
    """What was configured for a scanner that hangs can then still be done."""
    assert env.read(ScannerConfig, {}).timeout < BUDGET
    with pytest.raises(env.ConfigError, match="CHITRAM_SCANNER_TIMEOUT"):
        env.read(ScannerConfig, {"CHITRAM_SCANNER_TIMEOUT": str(BUDGET)})


async def test_without_an_address_there_is_no_scanner():
    """As it is unless somebody wants one."""
    async with open_scanner(env.read(ScannerConfig, {})) as scanner:
        assert scanner is None
