"""What a stack looks like now."""

from typing import Any

import msgspec
import psutil

from deploy.local import blueprint, facts, leftovers
from deploy.local.layout import Layout
from deploy.local.ports import HOST
from deploy.local.supervisor import Process, Supervisor


class ProcessStatus(msgspec.Struct, frozen=True):
    """One process.

    `port` is the first one it listens on, `memory` its share in bytes, `since` when it was started, in
    seconds since the epoch.
    """

    name: str
    pid: int | None
    port: int | None
    state: str
    memory: int
    since: int


class Status(msgspec.Struct, frozen=True):
    """A whole stack, in the form of `chitram status --json`: other programs rely on these names."""

    url: str
    processes: tuple[ProcessStatus, ...]
    endpoints: dict[str, Any]

    @property
    def is_well(self) -> bool:
        """Whether it runs, every process of it."""
        return bool(self.processes) and all(process.state == "running" for process in self.processes)


def status(layout: Layout) -> Status | None:
    """The stack that belongs to a directory; None when there has never been one."""
    known = facts.read_facts(layout.facts)
    if known is None or not layout.credentials.exists():
        return None
    plan = blueprint.draw(known, facts.credentials(layout.credentials), layout)
    alive = {process.name: process for process in Supervisor(layout).processes()}
    stray = {} if alive else {process.cwd(): process for process in leftovers.find(layout.every_run, below=True)}
    return Status(
        url=f"http://{HOST}:{known.port}",
        processes=tuple(
            _process(part.name, part.ports, alive.get(part.name), stray.get(str(part.directory))) for part in plan.parts
        ),
        endpoints=_endpoints(plan),
    )


def _process(name: str, ports: tuple[int, ...], process: Process | None, stray: psutil.Process | None) -> ProcessStatus:
    port = ports[0] if ports else None
    if process is not None:
        return ProcessStatus(name, process.pid, port, process.state, _memory(process.pid), process.since)
    if stray is not None:
        return ProcessStatus(name, stray.pid, port, "orphaned", _memory(stray.pid), int(stray.create_time()))
    return ProcessStatus(name, None, port, "stopped", 0, 0)


def _memory(pid: int | None) -> int:
    """Bytes that a process and its children take, each shared page counted in parts where the system can tell."""
    if pid is None:
        return 0
    try:
        process = psutil.Process(pid)
        return sum(_share(one) for one in (process, *process.children(recursive=True)))
    except psutil.Error:
        return 0


def _share(process: psutil.Process) -> int:
    try:
        memory = process.memory_full_info()
    except (psutil.AccessDenied, AttributeError):
        return int(process.memory_info().rss)
    return int(getattr(memory, "pss", memory.rss))


def _endpoints(plan: blueprint.Blueprint) -> dict[str, Any]:
    return {
        "postgres": {"primary": plan.primary.url(), "replicas": [replica.url() for replica in plan.replicas]},
        "redis": plan.valkey.url,
        "nats": plan.nats.url,
        "s3": f"http://{plan.seaweedfs.endpoint}",
        "s3_access_key": plan.seaweedfs.access_key,
        "s3_secret_key": plan.seaweedfs.secret_key,
        "shards": plan.services[0].environment["CHITRAM_SHARDS"].split(","),
        "services": {server.name: f"http://{HOST}:{server.port}" for server in plan.services},
    }
