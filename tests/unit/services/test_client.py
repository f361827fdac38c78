"""Where requests come from."""

import pytest

from services.shared.client import address_of, network_of


def scope(*forwarded: str, client=("127.0.0.1", 5)) -> dict:
    return {"headers": [(b"x-forwarded-for", value.encode()) for value in forwarded], "client": client}


def test_the_gateway_tells_the_address_and_else_the_connection_does():
    """Of a list the last one counts: it is the gateway's."""
    assert address_of(scope("192.0.2.1")) == "192.0.2.1"
    assert address_of(scope("10.0.0.1, 192.0.2.1")) == "192.0.2.1"
    assert address_of(scope()) == "127.0.0.1"
    assert address_of(scope(client=None)) == "unknown"
    assert len(address_of(scope("x" * 1000))) == 64


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("nonsense", "unknown"),
        (None, "unknown"),
    ],
)
def test_an_ipv6_host_is_its_network(address, network):
    """It has more addresses than could be counted."""
    assert network_of(address) == network
