"""The stack of `docker-compose.yml`, in the order in which an operator would meet it."""

import json
import os
import re
import subprocess
import sys
from collections import Counter

import httpx

from tests.containers.compose import ROOT, Compose, docker
from tests.containers.traffic import Traffic
from tests.eventually import eventually
from tests.pictures import jpeg
from tests.system.load import IMAGES, everything_is_kept

OURS = {"read", "write", "worker"}
SERVERS = ("nginx", "valkey", "nats", "seaweedfs", "postgres-replica-1", "postgres-primary")
ONCE = {"configure", "migrate", "buckets"}


def service_of(container: dict) -> str:
    return container["Config"]["Labels"]["com.docker.compose.service"]


async def test_everything_runs_and_is_well(compose):
    """Three read services, one of each other kind; what runs once has ended well; /health names no trouble."""
    containers = compose.containers()
    running = Counter(service_of(one) for one in containers if one["State"]["Status"] == "running")
    assert running["read"] == 3
    assert set(running) & ONCE == set()
    assert {one["State"]["Health"]["Status"] for one in containers if service_of(one) in running} == {"healthy"}
    assert {one["State"]["ExitCode"] for one in containers if service_of(one) in ONCE} == {0}

    def is_well() -> None:
        assert httpx.get(f"{compose.url}/health", timeout=30).json()["status"] == "ok"

    await eventually(is_well)


def test_nothing_but_the_gateway_can_be_reached_from_outside(compose):
    """One published port, and a network without a way out for everything else."""
    published = {}
    for container in compose.containers():
        bindings = container["HostConfig"]["PortBindings"] or {}
        published |= {service_of(container): bindings} if bindings else {}
        networks = {name.rpartition("_")[2] for name in container["NetworkSettings"]["Networks"]}
        assert networks == ({"inside", "outside"} if service_of(container) == "nginx" else {"inside"})
    assert set(published) == {"nginx"}
    (inside,) = docker("network", "inspect", "--format", "{{.Internal}}", f"{compose.project}_inside").split()
    assert inside == "true"


def test_no_container_can_do_more_than_it_must(compose):
    """Read-only files, no capabilities, no new privileges, bounded memory; our own services are nobody."""
    for container in compose.containers():
        host, name = container["HostConfig"], service_of(container)
        assert host["ReadonlyRootfs"], name
        assert host["CapDrop"] == ["ALL"], name
        assert host["SecurityOpt"] == ["no-new-privileges:true"], name
        if name in OURS | ONCE:
            assert container["Config"]["User"] == "10001:10001", name
        if name not in ONCE:
            assert host["Memory"] > 0, name


def test_no_secret_stands_in_the_files_nor_in_an_environment(compose):
    """Passwords are in the volume only: a container's description, which tools like to show, tells none."""
    secrets = compose("exec", "-T", "write", "sh", "-c", "cat /run/secrets/*")
    words = set(re.findall(r"[0-9a-f]{32}", secrets))
    assert len(words) >= 5
    described = "".join(str(container["Config"]) for container in compose.containers())
    assert not {word for word in words if word in described}


def test_the_lines_of_the_readme_work(compose, tmp_path):
    """Upload, look, change, delete; an account, a private image, a link and a key: as they stand there."""
    blocks = re.findall(r"```sh\n(API=.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) >= 2
    (tmp_path / "photo.jpg").write_bytes(jpeg(1200, 900))
    for lines in blocks:
        (tmp_path / "copy.jpg").unlink(missing_ok=True)
        done = subprocess.run(
            ("bash", "-euo", "pipefail", "-c", lines.replace("http://127.0.0.1:8080", compose.url)),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert (tmp_path / "copy.jpg").read_bytes() == (tmp_path / "photo.jpg").read_bytes()
        assert done.stdout.count('"code":') == done.stdout.count('"code":"IMAGE_NOT_FOUND"') == 1, done.stdout


async def test_the_doctor_finds_every_part_from_within_a_container(compose):
    """Each read service at an address of its own, both replicas, and nothing wrong."""
    image_id = uploaded(compose.url)

    def is_well() -> dict:
        return json.loads(compose("exec", "-T", "worker", "chitram", "doctor", "--json", image_id))

    seen = await eventually(is_well)
    assert len({reader["address"] for reader in seen["readers"].values()}) == 3
    assert [replica["problem"] for replica in seen["replicas"]] == [None, None]


def test_the_system_tests_hold_for_it(compose):
    """What is promised to users is the same, whatever the system runs on."""
    done = subprocess.run(
        (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/system"),
        cwd=ROOT,
        env=os.environ | {"CHITRAM_TEST_URL": compose.url},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert re.search(r"\d\d passed", done.stdout), done.stdout[-500:]


async def test_more_and_fewer_read_services_cost_no_request(compose):
    """Five, two and three of them while people look, upload, change and delete."""
    traffic = Traffic(compose.url)
    with traffic.running():
        for count in (5, 2, 3):
            compose("up", "--detach", "--scale", f"read={count}")
            assert len(compose.containers("read")) == count
            await goes_on(traffic)
    assert traffic.lost == []


async def test_a_rolling_update_costs_no_request(compose):
    """Every container of our services is replaced, one after another, under load."""
    before = {one["Id"] for one in compose.containers(*OURS)}
    compose.environment |= {"BUILD": "no", "FORCE": "yes"}
    traffic = Traffic(compose.url)
    with traffic.running():
        compose.run("deploy/rolling-update")
        await goes_on(traffic)
    assert traffic.lost == []
    after = {one["Id"] for one in compose.containers(*OURS)}
    assert len(after) == len(before)
    assert not before & after


async def test_whatever_dies_comes_back_without_a_hand_on_it(compose):
    """The first process of each container is killed in turn: it returns, and nothing acknowledged is lost."""
    traffic = Traffic(compose.url)
    with traffic.running():
        for service in (
            *sorted(OURS),
            "nginx",
            "valkey",
            "nats",
            "seaweedfs",
            "postgres-replica-1",
            "postgres-primary",
        ):
            killed = compose.kill(service)
            await eventually(lambda killed=killed: is_back(compose, killed))
            await goes_on(traffic)
    await eventually(lambda: everything_is_kept(compose.url, traffic.acknowledged))


def uploaded(url: str) -> str:
    answer = httpx.post(f"{url}{IMAGES}/upload", files={"file": ("a.jpg", jpeg(400, 300))}, timeout=30)
    return answer.raise_for_status().json()["id"]


def is_back(compose: Compose, container: str) -> None:
    (now,) = [one for one in compose.containers() if one["Id"] == container]
    assert now["RestartCount"] > 0
    assert now["State"]["Health"]["Status"] == "healthy"


async def goes_on(traffic: Traffic) -> None:
    """Returns when people have been served some more since now."""
    answered, uploaded = traffic.answered, len(traffic.acknowledged)

    def more() -> None:
        assert traffic.answered > answered + 100
        assert len(traffic.acknowledged) > uploaded + 3

    await eventually(more)
