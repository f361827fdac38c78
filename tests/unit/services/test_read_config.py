"""What a read service does when it is told nothing."""

import socket

from infrastructure import env
from services.read.config import ReadConfig


def test_read_services_without_a_number_spread_over_the_replicas_by_the_names_of_their_hosts(monkeypatch):
    """A host's number is always the same, and many hosts find both of two replicas."""

    def replica_of(host):
        monkeypatch.setattr(socket, "gethostname", lambda: host)
        return env.read(ReadConfig, {}).replica

    assert replica_of("a1b2c3") == replica_of("a1b2c3")
    assert {replica_of(f"host-{number}") % 2 for number in range(20)} == {0, 1}


def test_a_number_that_is_given_counts():
    """Whatever the host is called."""
    assert env.read(ReadConfig, {"CHITRAM_REPLICA": "1"}).replica == 1
