"""What people see."""

import pytest

from deploy.local.facts import Counts, Facts
from deploy.local.start import Started
from deploy.local.status import ProcessStatus, Status
from deploy.local.trouble import Trouble
from services.cli import status, up
from services.cli.main import main

PROCESSES = (
    ProcessStatus("read-1", 4711, 20_001, "running", 70_000_000, 1_000),
    ProcessStatus("read-2", None, 20_002, "stopped", 0, 0),
)


def test_status_as_a_table(monkeypatch, capsys):
    """Each process has a line; one that doesn't run makes the exit status 1."""
    monkeypatch.setattr(status, "status", lambda _: Status("http://127.0.0.1:8080", PROCESSES, {}))
    monkeypatch.setattr("time.time", lambda: 1_200.0)
    assert main(["status"]) == 1
    said = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert said[1] == ["read-1", "running", "4711", "20001", "3", "min", "70", "MB"]
    assert said[2] == ["read-2", "stopped", "20002"]
    assert said[4][0] == "http://127.0.0.1:8080"


def test_stack_is_well_when_everything_runs():
    """One process that doesn't run is one too many, and so is none at all."""
    assert Status("", PROCESSES[:1], {}).is_well
    assert not Status("", PROCESSES, {}).is_well
    assert not Status("", (), {}).is_well


@pytest.mark.parametrize(("was_running", "said"), [(True, "runs already"), (False, "is ready after")])
def test_up_ends_with_the_address(monkeypatch, capsys, was_running, said):
    """Variables set by the caller go with it; what a running stack can't change is explained."""
    wishes = []

    def start(_, wish, *, report):
        wishes.append(wish)
        report("nats", 0.2)
        return Started(Facts(Counts(), 8081), was_running)

    monkeypatch.setattr(up, "start", start)
    monkeypatch.setenv("CHITRAM_COPIES", "3")
    assert main(["up", "--read", "5", "--port", "8081"]) == 0
    out = capsys.readouterr().out
    assert (said in out, "http://127.0.0.1:8081" in out, "nats" in out) == (True, True, True)
    assert ("chitram scale" in out) is was_running
    assert (wishes[0].read, wishes[0].port, wishes[0].settings["CHITRAM_COPIES"]) == (5, 8081, "3")


def test_trouble_is_told_in_full(monkeypatch, capsys):
    """What happened, the log's last lines, the way out; square brackets are no markup."""

    def start(*_, **__):
        raise Trouble("nats[1] ended [/].", log="    [1] [FTL] no space", way_out="Make room.")

    monkeypatch.setattr(up, "start", start)
    assert main(["up"]) == 1
    assert capsys.readouterr().err == "nats[1] ended [/].\n\n    [1] [FTL] no space\n\nMake room.\n"
