"""Where a process says that it can be found."""

import socket

import pytest

from services.shared.running import ProcessConfig


@pytest.fixture
def resolves_to(monkeypatch):
    """Gives this machine the name `here` with these addresses, or with none that can be looked up."""
    monkeypatch.setattr(socket, "gethostname", lambda: "here")

    def name(*addresses: str) -> None:
        def look_up(*_, **__):
            if not addresses:
                raise socket.gaierror("no such name")
            return [(0, 0, 0, "", (address, 0)) for address in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return name


def test_one_that_listens_on_one_address_is_found_there():
    """Whatever it is."""
    assert ProcessConfig(host="192.0.2.7", port=80).address == "http://192.0.2.7:80"


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_one_that_listens_everywhere_is_found_at_its_own_address(resolves_to, host):
    """Never at loopback, where each process would find itself."""
    resolves_to("127.0.1.1", "172.18.0.9")
    assert ProcessConfig(host=host, port=8000).address == "http://172.18.0.9:8000"


def test_addresses_with_colons_stand_in_brackets(resolves_to):
    """As in every URL."""
    resolves_to("::1", "fd00::9")
    assert ProcessConfig(host="::", port=8000).address == "http://[fd00::9]:8000"


@pytest.mark.parametrize("addresses", [(), ("127.0.1.1",)])
def test_without_an_address_of_its_own_it_tells_its_name(resolves_to, addresses):
    """Others may know better what it means."""
    resolves_to(*addresses)
    assert ProcessConfig(host="0.0.0.0", port=8000).address == "http://here:8000"
