"""What read and write services must agree on."""

import pytest

from infrastructure import env
from infrastructure.nats.config import NatsConfig
from services.shared.bounds import TEN_YEARS, Bounds
from services.worker.config import WorkerConfig
from services.write.config import AccountsConfig, WriteConfig


def test_a_lease_is_the_same_whoever_reads_it():
    """It is declared twice and has one default."""
    assert Bounds().lease == NatsConfig(servers=("nats://a",)).lease


def test_the_bound_of_lag_is_longer_than_a_lease():
    """Else it would end before read services have stopped to rely on their leases."""
    with pytest.raises(env.ConfigError, match="CHITRAM_LAG_BOUND: must be longer than CHITRAM_LEASE"):
        env.read(Bounds, {"CHITRAM_LEASE": "5"})
    assert env.read(Bounds, {"CHITRAM_LEASE": "5", "CHITRAM_LAG_BOUND": "6"}).lag_bound == 6


@pytest.mark.parametrize(
    ("config", "variable"),
    [(WorkerConfig, "CHITRAM_TRASH"), (WriteConfig, "CHITRAM_TRASH"), (AccountsConfig, "CHITRAM_ANONYMOUS_EXPIRY")],
)
def test_no_time_is_longer_than_dates_reach(config, variable):
    """Ten years at most: else the end of an image could not be told, or when its deletion lies back."""
    env.read(config, {variable: str(TEN_YEARS)})
    with pytest.raises(env.ConfigError, match=variable):
        env.read(config, {variable: str(TEN_YEARS + 1)})
