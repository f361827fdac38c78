"""What read and write services must agree on."""

import pytest

from infrastructure import env
from infrastructure.nats.config import NatsConfig
from services.shared.bounds import Bounds


def test_a_lease_is_the_same_whoever_reads_it():
    """It is declared twice and has one default."""
    assert Bounds().lease == NatsConfig(servers=("nats://a",)).lease


def test_the_bound_of_lag_is_longer_than_a_lease():
    """Else it would end before read services have stopped to rely on their leases."""
    with pytest.raises(env.ConfigError, match="CHITRAM_LAG_BOUND: must be longer than CHITRAM_LEASE"):
        env.read(Bounds, {"CHITRAM_LEASE": "5"})
    assert env.read(Bounds, {"CHITRAM_LEASE": "5", "CHITRAM_LAG_BOUND": "6"}).lag_bound == 6
