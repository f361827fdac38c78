"""A stack as its operator sees it: the command line, and HTTP."""

import json
import os
import random
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil

CHITRAM = str(Path(sys.executable).with_name("chitram"))
_SERIES = re.compile(r"([a-z_]+(?:\{[^}]*\})?) (\S+)$")
SECONDS = 600
"""That any one command may take on a busy machine."""

PATIENT = {"CHITRAM_POSTGRES_CONNECT_TIMEOUT": "10"}
"""Where many stacks start at once, a second is not enough for a connection."""


class Stack:
    """A stack in a directory of its own."""

    def __init__(self, directory: Path, port: int | None = None, settings: Mapping[str, str] = PATIENT) -> None:
        """Nothing is started. `settings` are its commands' and, once it is up, its services'."""
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.port = port or free_port()
        self._settings = settings

    @property
    def url(self) -> str:
        """Where nginx listens."""
        return f"http://127.0.0.1:{self.port}"

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs a command, whatever its exit status."""
        return subprocess.run(
            (CHITRAM, *arguments),
            cwd=self.directory,
            env=os.environ | self._settings | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    def chitram(self, *arguments: str) -> str:
        """Runs a command that has to succeed and gives what it says."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def up(self, *options: str) -> str:
        """Starts the stack, on a port that is free."""
        return self.chitram("up", "--port", str(self.port), *options)

    def status(self) -> dict[str, Any]:
        """What `chitram status --json` says."""
        return json.loads(self.run("status", "--json").stdout)

    def processes(self) -> list[dict[str, Any]]:
        """Every process, as the status lists them."""
        return self.status()["processes"]

    def pids(self) -> dict[str, int]:
        """Process ids by name."""
        return {process["name"]: process["pid"] for process in self.processes()}

    def requests_by_service(self) -> dict[str, float]:
        """How many requests for the API each read service has answered, as its own metrics tell."""
        return {
            process["name"]: _requests(f"http://127.0.0.1:{process['port']}/metrics")
            for process in self.processes()
            if process["name"].startswith("read-")
        }

    def metrics(self, prefix: str, *names: str) -> dict[str, float]:
        """Series of these metrics as the services tell them, by `<process>: <series>`."""
        return {
            f"{process['name']}: {found[1]}": float(found[2])
            for process in self.processes()
            if process["name"].startswith(prefix)
            for line in httpx.get(f"http://127.0.0.1:{process['port']}/metrics", timeout=10).text.splitlines()
            if (found := _SERIES.match(line)) and found[1].partition("{")[0] in names
        }

    def living(self, word: str = "") -> list[psutil.Process]:
        """Every process that works below the directory and has the word in its command line, whoever its parent is."""
        return [process for process in psutil.process_iter() if self._works_here(process, word)]

    def _works_here(self, process: psutil.Process, word: str) -> bool:
        try:
            is_ours = Path(process.cwd()).is_relative_to(self.directory) and word in " ".join(process.cmdline())
            return is_ours and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, OSError):
            return False


def swept(directory: Path) -> Path:
    """The directory, made; should this run be killed, nothing goes on working below it."""
    directory.mkdir(parents=True, exist_ok=True)
    run = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    subprocess.Popen(
        (sys.executable, "-m", "tests.sweeper", str(run), str(directory)),
        cwd=Path(__file__).parents[2],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ).returncode = 0  # it outlives us, so nobody waits for it
    return directory


def free_port() -> int:
    """A port that nobody listens on, below those that systems give to outgoing connections."""
    while True:
        port = random.randrange(10_000, 20_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


def _requests(metrics: str) -> float:
    lines = httpx.get(metrics, timeout=10).text.splitlines()
    counted = re.compile(r'^http_requests_total\{.*endpoint="/api/.*\} (\S+)$')
    return sum(float(found[1]) for line in lines if (found := counted.match(line)))
