"""The stack on one machine, as its operator knows it."""

import json
import os
import signal
import socket
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest

from tests.eventually import eventually
from tests.pictures import jpeg
from tests.system.clients import SPARE, Client
from tests.system.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")
"""Some of these tests share a stack of their own, so all share a worker."""

SERVERS = ["postgres-primary", "postgres-replica-1", "postgres-replica-2", "valkey", "nats", "seaweedfs"]
SERVICES = ["write-1", "read-1", "read-2", "read-3", "worker-1"]


def test_status_lists_every_process_and_where_it_is(stack):
    """By default three read services, a write service and a worker stand on six servers, behind nginx."""
    status = stack.status()
    assert status["url"] == stack.url
    assert [process["name"] for process in status["processes"]] == [*SERVERS, *SERVICES, "nginx"]
    assert {process["state"] for process in status["processes"]} == {"running"}
    for process in status["processes"]:
        socket.create_connection(("127.0.0.1", process["port"]), timeout=5).close()
    endpoints = status["endpoints"]
    assert endpoints["postgres"]["primary"].startswith("postgresql://")
    assert len(endpoints["postgres"]["replicas"]) == 2
    assert (endpoints["redis"][:8], endpoints["nats"][:7], endpoints["s3"][:7]) == ("redis://", "nats://", "http://")


def test_status_is_readable_too(stack):
    """People get a table, with the address below it."""
    said = stack.chitram("status")
    assert all(name in said for name in (*SERVERS, *SERVICES, "nginx", stack.url))


async def test_services_answer_on_their_own_ports(stack):
    """A service asked directly answers the same paths, and those for operators."""
    ports = {process["name"]: process["port"] for process in stack.processes()}

    def answers() -> None:
        for name in SERVICES:
            for path in ("/health/live", "/health/ready", "/metrics"):
                assert httpx.get(f"http://127.0.0.1:{ports[name]}{path}", timeout=60).status_code == 200

    await eventually(answers)


def test_data_is_given_to_nobody_without_a_secret(stack):
    """S3, the files and volumes behind it and the cache refuse a stranger: nothing has a default password."""
    endpoints = stack.status()["endpoints"]
    assert httpx.get(f"{endpoints['s3']}/shard-1/x", timeout=10).status_code == 403
    ports = json.loads(stack.directory.joinpath(".chitram", "stack.json").read_text())["ports"]
    for path in ("seaweedfs-filer", "seaweedfs-volume"):
        assert httpx.get(f"http://127.0.0.1:{ports[path]}/1,01", timeout=10).status_code == 401
        assert httpx.post(f"http://127.0.0.1:{ports[path]}/1,01", files={"file": b"x"}, timeout=10).status_code == 401
    port = int(endpoints["redis"].rpartition(":")[2].partition("/")[0])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as redis:
        redis.sendall(b"PING\r\n")
        assert redis.recv(100).startswith(b"-NOAUTH")
    for secret in stack.directory.joinpath(".chitram").glob("*.json"):
        assert secret.stat().st_mode & 0o077 == 0


async def test_memory_of_an_idle_stack(stack):
    """The whole of it takes less than 1.2 GB, when those who share it leave it alone."""

    def is_small() -> None:
        assert sum(process["memory"] for process in stack.processes()) < 1.2e9

    await eventually(is_small)


def test_up_on_a_running_stack_changes_nothing(stack):
    """It says where the stack is; every process stays."""
    before = stack.pids()
    said = stack.chitram("up")
    assert "already" in said
    assert stack.url in said
    assert stack.pids() == before


def test_logs_of_one_part_and_of_all(stack):
    """One part's log is shown as it is, several with the part's name before each line."""
    assert "listening" in stack.chitram("logs", "-n", "100000", "read-1")
    said = stack.chitram("logs", "-n", "1")
    assert {line.split(" |")[0].strip() for line in said.splitlines()} >= {"nats", "read-1", "write-1"}


@pytest.mark.parametrize("arguments", [("scale", "reed=2"), ("scale", "read=0"), ("up", "--port", "70000"), ("fly",)])
def test_command_line_that_can_not_be_meant(stack, arguments):
    """A wrong command line is explained, status 2, and nothing happens."""
    done = stack.run(*arguments)
    assert done.returncode == 2
    assert "error" in done.stderr


def test_part_that_is_not_there(stack):
    """A wrong name is answered with the right ones."""
    done = stack.run("restart", "reed-1")
    assert done.returncode == 1
    assert "read-1" in done.stderr


def test_restart_fails_no_request(own_stack):
    """Read services restarted one after another are missed by nobody."""
    before = own_stack.pids()
    with Client(own_stack.url) as client:
        restarting = _in_background(own_stack, "restart", "read", "worker-1")
        asked = 0
        while not restarting.done():
            assert client.get("/api/v1/images").status_code == 200
            asked += 1
        restarting.result()
        assert len(client.returns) <= SPARE, client.returns
    after = own_stack.pids()
    assert asked > 50
    assert {name for name in after if after[name] != before[name]} == {"read-1", "read-2", "read-3", "worker-1"}


def test_up_recovers_what_a_dead_supervisor_left(own_stack):
    """Without its supervisor a stack is not well, though most of it still runs; `up` starts it anew with its data."""
    picture = httpx.post(f"{own_stack.url}/api/v1/images/upload", files={"file": jpeg()}, timeout=30).json()["id"]
    (supervisor,) = own_stack.living("supervisord")
    supervisor.kill()
    supervisor.wait(60)
    assert own_stack.run("status").returncode == 1
    before = own_stack.pids()
    assert {process["state"] for process in own_stack.processes()} <= {"orphaned", "stopped"}
    own_stack.up()
    after = own_stack.pids()
    assert set(before.values()).isdisjoint(after.values())
    assert {process["state"] for process in own_stack.processes()} == {"running"}
    assert httpx.get(f"{own_stack.url}/api/v1/images/{picture}", timeout=30).status_code == 200


def test_purge_asks_first(own_stack):
    """Without an answer nothing is removed, nor stopped."""
    before = own_stack.pids()
    assert own_stack.run("down", "--purge").returncode == 1
    assert own_stack.pids() == before


def test_second_stack_stands_beside_the_first_until_it_is_stopped(own_stack, new_stack):
    """A stack in another directory has its own ports and pictures; after `down` no process of it is left."""
    other = new_stack("other")
    other.up("--read", "1")
    ports = [process["port"] for one in (own_stack, other) for process in one.processes()]
    assert len(set(ports)) == len(ports)
    picture = httpx.post(f"{other.url}/api/v1/images/upload", files={"file": jpeg()}, timeout=30).json()["id"]
    assert httpx.get(f"{own_stack.url}/api/v1/images/{picture}", timeout=30).status_code == 404
    os.kill(other.pids()["worker-1"], signal.SIGKILL)
    assert "stopped" in other.chitram("down")
    assert other.living() == []
    assert {process["state"] for process in other.processes()} == {"stopped"}
    assert "not running" in other.chitram("down")


def test_taken_port_is_named_with_the_way_out(new_stack):
    """Nothing is started when nginx couldn't listen; the way out is a command that works."""
    stack = new_stack()
    with socket.create_server(("127.0.0.1", stack.port)):
        done = stack.run("up", "--port", str(stack.port))
    assert done.returncode == 1
    assert f"Port {stack.port} is taken" in done.stderr
    assert "chitram up --port" in done.stderr
    assert stack.living() == []


def test_setting_that_can_not_be_meant_stops_nothing_else(new_stack):
    """A bad value is named before anything is started, and the next commands work without it."""
    stack = new_stack()
    done = stack.run("up", "--port", str(stack.port), CHITRAM_MAX_FILE_SIZE="abc")
    assert done.returncode == 1
    assert "CHITRAM_MAX_FILE_SIZE" in done.stderr
    assert "Traceback" not in done.stderr
    assert "chitram up" in stack.run("status").stderr
    assert "not running" in stack.chitram("down")


def test_part_that_can_not_start_is_named_with_its_last_words(new_stack):
    """The error names the part, shows its log and where the rest of it is; nothing goes on running."""
    stack = new_stack()
    done = stack.run("up", "--port", str(stack.port), CHITRAM_COPIES="9")
    assert done.returncode == 1
    assert "-1 ended while it was starting" in done.stderr
    assert "CHITRAM_COPIES" in done.stderr
    assert ".chitram/logs/" in done.stderr
    assert stack.living() == []
    assert {process["state"] for process in stack.processes()} == {"stopped"}
    kept = json.loads(stack.directory.joinpath(".chitram", "stack.json").read_text())
    assert "CHITRAM_COPIES" not in kept["settings"]


def test_commands_for_a_stack_that_is_not_there(new_stack):
    """Each says so, and what to do."""
    stack = new_stack()
    for arguments in (("status",), ("scale", "read=2"), ("restart", "read"), ("logs",)):
        done = stack.run(*arguments)
        assert done.returncode == 1
        assert "chitram up" in done.stderr
    assert json.loads(stack.run("status", "--json").stdout)["processes"] == []
    assert "not running" in stack.chitram("down")


def _in_background(stack: Stack, *arguments: str) -> Future[str]:
    return ThreadPoolExecutor(1).submit(stack.chitram, *arguments)
