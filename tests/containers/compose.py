"""The compose stack as its operator sees it: `docker compose`, `docker`, and HTTP."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests.system.stack import free_port

ROOT = Path(__file__).parents[2]
SECONDS = 300
"""That any one command may take on a busy machine."""


class Compose:
    """A stack under a project name of its own, so that another one in this checkout stays as it is."""

    def __init__(self, project: str, *files: str) -> None:
        """Nothing is started. `files` are compose files, by default the one for everybody."""
        self.port = free_port()
        self.project = project
        self.files = files
        self.environment = os.environ | {"COMPOSE_PROJECT_NAME": project, "PUBLISH": str(self.port)}

    @property
    def url(self) -> str:
        """Where nginx listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def options(self) -> list[str]:
        """Of `docker compose`, before the command."""
        return [word for file in self.files for word in ("-f", file)]

    def __call__(self, *arguments: str) -> str:
        """Runs a command of `docker compose` that has to succeed and gives what it says."""
        words = ("docker", "compose", *self.options)
        try:
            return self.run(*words, *arguments)
        except AssertionError as error:
            error.add_note(self.run(*words, "logs", "--tail", "12"))
            raise

    def run(self, *words: str) -> str:
        """Runs a command that has to succeed and gives what it says."""
        done = subprocess.run(
            words,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def containers(self, *services: str) -> list[dict[str, Any]]:
        """What `docker inspect` says of each, those that have ended too."""
        ids = self("ps", "--all", "--quiet", *services).split()
        return json.loads(docker("inspect", *ids)) if ids else []

    def kill(self, service: str) -> str:
        """Ends a container's first process, as the kernel does when memory runs out. Gives the container's id.

        `docker kill` would not do: it counts as the wish that the container stays away.
        """
        container = self.containers(service)[0]
        os.kill(container["State"]["Pid"], signal.SIGKILL)
        return container["Id"]


def docker(*arguments: str) -> str:
    """Runs a command of `docker` that has to succeed and gives what it says."""
    done = subprocess.run(("docker", *arguments), capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
