"""Where operating commands find their system."""

import os

import pytest

from contracts.errors import Unavailable
from deploy.local import blueprint, facts
from deploy.local.layout import here
from deploy.local.supervisor import Supervisor
from infrastructure.env import ConfigError
from services.cli import rooms


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """An empty working directory, and an environment that names no system."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHITRAM_POSTGRES_PRIMARY", raising=False)


@pytest.fixture
def stack(monkeypatch):
    """The facts of a stack in the working directory; the supervisor is said to run."""
    here().root.mkdir()
    known = facts.Facts(settings={"CHITRAM_COPIES": "3"})
    known = facts.settle_ports(known, blueprint.wanted_ports(known))
    facts.write_private(here().facts, known)
    facts.credentials(here().credentials)
    monkeypatch.setattr(Supervisor, "is_running", lambda _: True)
    return known


def test_the_stack_of_the_directory_comes_first(stack, monkeypatch):
    """Its services' own variables count, not those of the shell."""
    monkeypatch.setenv("CHITRAM_POSTGRES_PRIMARY", "postgresql://elsewhere/chitram")
    found = rooms.environment()
    assert f":{stack.ports['postgres-primary']}/" in found["CHITRAM_POSTGRES_PRIMARY"]
    assert found["CHITRAM_COPIES"] == "3"


def test_without_a_stack_that_runs_the_process_has_its_own(stack, monkeypatch):
    """As on a machine where the services are started by something else."""
    monkeypatch.setattr(Supervisor, "is_running", lambda _: False)
    monkeypatch.setenv("CHITRAM_POSTGRES_PRIMARY", "postgresql://elsewhere/chitram")
    assert rooms.environment() is os.environ


@rooms.operates
async def _unreachable(_, __) -> int:
    raise Unavailable("Nobody is there.")


@rooms.operates
async def _misconfigured(_, __) -> int:
    raise ConfigError("CHITRAM_COPIES: expected int >= 1")


@rooms.operates
async def _content(_, environment) -> int:
    return 0 if environment["CHITRAM_POSTGRES_PRIMARY"] else 1


def test_without_either_the_way_out_is_told(capsys):
    """Status 1, one sentence and what to do."""
    assert _content(None) == 1
    assert "no system to operate" in (told := capsys.readouterr().err)
    assert "chitram up" in told


@pytest.mark.parametrize(
    ("command", "status", "told"),
    [
        (_content, 0, ""),
        (_unreachable, 1, "Nobody is there."),
        (_misconfigured, 1, "CHITRAM_COPIES: expected int >= 1."),
    ],
)
def test_what_stops_a_command_is_told_without_a_traceback(stack, capsys, command, status, told):
    """Its exit status is its own, or 1 when something was missing or wrong."""
    assert command(None) == status
    said = capsys.readouterr().err
    assert said.startswith(told)
    assert "Traceback" not in said
