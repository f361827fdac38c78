"""The whole stack as data."""

import itertools
from pathlib import Path

import pytest

from deploy.local import blueprint, facts
from deploy.local.facts import Counts, Credentials, Facts
from deploy.local.layout import LONGEST_SOCKET, Layout
from deploy.local.servers import postgres
from deploy.local.supervisor import program, settings
from services.write.config import WriteConfig

LAYOUT = Layout(Path("/somewhere/100%/.chitram"))
CREDENTIALS = Credentials(*(f"secret-{number}" for number in range(8)))


@pytest.fixture
def plan():
    """A stack with two read services."""
    return _drawn(Counts(read=2), {"CHITRAM_COPIES": "3", "CHITRAM_NATS_SERVERS": "elsewhere"})


def _drawn(counts, set_by_hand=None):
    counted = Facts(counts, 8080)
    ports = dict(zip(blueprint.wanted_ports(counted), itertools.count(20_000), strict=False))
    return blueprint.draw(Facts(counts, 8080, ports, set_by_hand or {}), CREDENTIALS, LAYOUT)


def test_every_part_has_its_own_name_directory_and_ports(plan):
    """Nothing is shared, so that a part's processes can be told by where they work."""
    parts = plan.parts
    ports = [port for part in parts for port in part.ports]
    assert [part.name for part in parts][-1] == "nginx"
    assert len({part.name for part in parts}) == len({part.directory for part in parts}) == len(parts) == 11
    assert len(set(ports)) == len(ports)
    assert {part.name for part in parts} == {*blueprint.SERVERS, *facts.names(Counts(read=2))}


def test_services_are_told_everything(plan):
    """A service gets the servers' addresses, its own, and what was set by hand, except over what the stack decides."""
    environment = plan.part("read-2").environment
    assert environment["CHITRAM_NAME"] == "read-2"
    assert environment["CHITRAM_REPLICA"] == "1"
    assert environment["CHITRAM_COPIES"] == "3"
    assert environment["CHITRAM_SECRET_KEYS"] == "stack:secret-7"
    assert environment["CHITRAM_NATS_SERVERS"] == plan.nats.url
    assert environment["CHITRAM_POSTGRES_REPLICAS"].count("postgresql://chitram:") == 2
    assert environment["CHITRAM_SHARDS"].split(",")[0] == f"shard-1=s3://{plan.seaweedfs.endpoint}/shard-1"


@pytest.mark.parametrize(
    ("counts", "size"), [(Counts(), 10), (Counts(read=32), 4), (Counts(write=20, worker=5), 5), (Counts(32, 32, 32), 2)]
)
def test_connections_to_postgres_add_up(counts, size):
    """Pools shrink as services grow in number, so that no server is asked for more than it takes."""
    assert _drawn(counts).services[0].environment["CHITRAM_POSTGRES_POOL_SIZE"] == str(size)
    assert max(counts.read * size, (counts.write + counts.worker) * (size + 1)) < 200


def test_pool_set_by_hand_stays():
    """Who sets the size of pools has a reason."""
    drawn = _drawn(Counts(read=32), {"CHITRAM_POSTGRES_POOL_SIZE": "6"})
    assert drawn.services[0].environment["CHITRAM_POSTGRES_POOL_SIZE"] == "6"


def test_gateway_takes_what_the_write_service_takes():
    """One variable is the limit of both."""
    assert _drawn(Counts(), {"CHITRAM_MAX_FILE_SIZE": "1000"}).nginx.gateway.max_file_size == 1000
    assert _drawn(Counts()).nginx.gateway.max_file_size == WriteConfig().max_file_size


def test_gateway_believes_the_proxies_it_is_told_of():
    """And by default nobody."""
    assert _drawn(Counts()).nginx.gateway.trusted == ()
    assert _drawn(Counts(), {"CHITRAM_TRUSTED_PROXIES": "10.0.0.7"}).nginx.gateway.trusted == ("10.0.0.7",)


def test_no_secret_stands_in_a_command(plan):
    """Everyone on a machine can list commands."""
    for part in plan.parts:
        assert not [word for word in part.command if "secret-" in word]


def test_gateway_knows_the_services(plan):
    """nginx is told where the read and write services listen, and not of the worker."""
    gateway = plan.nginx.gateway
    known = {f"127.0.0.1:{plan.part(name).ports[0]}" for name in ("read-1", "read-2", "write-1")}
    assert {*gateway.read, *gateway.write} == known


def test_replica_follows_the_primary(plan):
    """A replica's configuration says whom to follow, the primary's doesn't."""
    followed = postgres.settings(plan.replicas[0])
    assert f"port={plan.primary.port} user=replicator" in followed
    assert "primary_slot_name = 'postgres_replica_1'" in followed
    assert "primary_conninfo" not in postgres.settings(plan.primary)


def test_supervisor_files_escape_what_supervisord_would_read_as_a_variable(plan):
    """A per cent sign in a directory's name is doubled."""
    assert "/somewhere/100%%/.chitram/logs/nginx.log" in program(plan.part("nginx"), LAYOUT)
    assert "/somewhere/100%%/.chitram/supervisor" in settings(LAYOUT)


@pytest.mark.parametrize("depth", [1, 40])
def test_socket_has_a_path_that_systems_take(depth):
    """In a directory that lies deep the supervisor's socket is elsewhere, still one for each stack."""
    one, other = (Layout(Path("/", *["directory"] * depth, name, ".chitram")) for name in ("a", "b"))
    assert max(len(str(one.socket)), len(str(other.socket))) <= LONGEST_SOCKET
    assert one.socket != other.socket
