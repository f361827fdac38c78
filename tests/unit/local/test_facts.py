"""What a stack remembers."""

import msgspec
import pytest

from deploy.local import facts
from deploy.local.facts import Counts, Facts


def test_names_are_numbered_from_one():
    """Write services first, because they have to be there before there is anything to read."""
    assert facts.names(Counts(read=2, write=1, worker=1)) == ["write-1", "read-1", "read-2", "worker-1"]


def test_remembered_ports_are_kept():
    """Settling again changes nothing while the ports can be had."""
    settled = facts.settle_ports(Facts(), ["nats", "read-1"])
    assert facts.settle_ports(settled, ["nats", "read-1"], is_free=lambda _: True) == settled


def test_taken_port_is_replaced_by_another():
    """Only what is taken by somebody else moves."""
    settled = facts.settle_ports(Facts(), ["nats", "read-1"])
    moved = facts.settle_ports(settled, ["nats", "read-1"], is_free=lambda port: port != settled.ports["nats"])
    assert moved.ports["nats"] not in settled.ports.values()
    assert moved.ports["read-1"] == settled.ports["read-1"]


def test_public_port_is_taken_from_whoever_had_it():
    """A part whose port nginx shall listen on now gets another one."""
    settled = facts.settle_ports(Facts(), ["nats", "read-1"])
    public = Facts(settled.counts, settled.ports["nats"], settled.ports)
    moved = facts.settle_ports(public, ["nats", "read-1"], is_free=lambda _: True)
    assert moved.port not in moved.ports.values()


def test_what_is_not_wanted_any_more_is_forgotten():
    """Ports of services that are gone can be taken by others."""
    settled = facts.settle_ports(Facts(), ["nats", "read-1"])
    assert set(facts.settle_ports(settled, ["nats"], is_free=lambda _: True).ports) == {"nats"}


def test_credentials_are_made_once_and_only_their_owner_reads_them(tmp_path):
    """Every one is random, different from the others, and the same at the next start."""
    file = tmp_path / "credentials.json"
    made = facts.credentials(file)
    assert facts.credentials(file) == made
    values = [getattr(made, name) for name in made.__struct_fields__]
    assert len(set(values)) == len(values)
    assert min(map(len, values)) >= 32
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_credential_that_an_older_release_did_not_know_is_added(tmp_path):
    """The others stay as they are: servers know them."""
    file = tmp_path / "credentials.json"
    made = facts.credentials(file)
    old = {name: getattr(made, name) for name in made.__struct_fields__ if name != "signing"}
    file.write_bytes(msgspec.json.encode(old))
    again = facts.credentials(file)
    assert {name: getattr(again, name) for name in old} == old
    assert len(again.signing) >= 32
    assert facts.credentials(file) == again


def test_facts_survive_being_written(tmp_path):
    """What is read is what was written; where nothing was written there is nothing."""
    written = Facts(Counts(read=5), 8081, {"nats": 20_000}, {"CHITRAM_COPIES": "3"})
    facts.write_private(tmp_path / "stack.json", written)
    assert facts.read_facts(tmp_path / "stack.json") == written
    assert facts.read_facts(tmp_path / "other.json") is None


@pytest.mark.parametrize("kind", facts.SERVICES)
def test_counts_know_every_service(kind):
    """Each kind of service has a count."""
    assert getattr(Counts(), kind) >= 1
