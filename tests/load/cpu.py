"""Who used the processors while a load ran: shows whether the system was the limit, or the machine."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil


@contextmanager
def watched(url: str) -> Iterator[None]:
    """Prints the CPU time that each part used during the block, when it is the stack of the working directory."""
    pids = _parts(url)
    if not pids:
        yield
        return
    began, before = time.monotonic(), _measure(pids)
    yield
    seconds, used = time.monotonic() - began, _measure(pids) - before
    used["locust"] = _own()
    print(f"| part | CPU of {os.cpu_count()} processors |\n|---|---:|")
    for name, spent in used.most_common():
        print(f"| {name} | {spent / seconds:.0%} |")
    print(f"| **all** | {used.total() / seconds:.0%} |\n")


def _parts(url: str) -> dict[str, int]:
    chitram = Path(sys.executable).with_name("chitram")
    told = subprocess.run((chitram, "status", "--json"), capture_output=True, check=False).stdout
    with suppress(ValueError, KeyError):
        status = json.loads(told)
        if status["url"] == url:
            return {process["name"]: process["pid"] for process in status["processes"] if process["pid"]}
    return {}


def _measure(pids: dict[str, int]) -> Counter[str]:
    """CPU seconds by part, its children's included, those that have ended too."""
    spent: Counter[str] = Counter()
    for name, pid in pids.items():
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            times = process.cpu_times()
            spent[name] += times.user + times.system + times.children_user + times.children_system
            for child in process.children(recursive=True):
                with suppress(psutil.Error):
                    times = child.cpu_times()
                    spent[name] += times.user + times.system
    return spent


def _own() -> float:
    """What locust used: it has ended, so it counts as our children's."""
    times = os.times()
    return times.children_user + times.children_system
