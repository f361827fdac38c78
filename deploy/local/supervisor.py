"""Keeping processes alive: supervisord, its files, and how it is spoken to."""

import http.client
import shlex
import socket
import subprocess
import sys
import xmlrpc.client
from pathlib import Path
from typing import Any

import msgspec
import psutil

from deploy.local.layout import Layout
from deploy.local.part import Part, tail, write_files
from deploy.local.trouble import Trouble

LOG_BYTES = 10 << 20
LOGS_KEPT = 2
"""Of each part's log there are never more than LOGS_KEPT + 1 files of LOG_BYTES."""

_NOT_RUNNING, _ALREADY_STARTED, _ALREADY_ADDED, _BAD_NAME = 70, 60, 90, 10
"""Faults of the protocol that mean that what was asked for is so already."""


class Process(msgspec.Struct, frozen=True):
    """What the supervisor says of one process; `state` is one of its words: running, starting, backoff, stopped, ..."""

    name: str
    pid: int | None
    state: str
    since: int
    """Seconds since the epoch."""


class Supervisor:
    """The supervisor of one stack."""

    def __init__(self, layout: Layout) -> None:
        """Touches nothing."""
        self._layout = layout
        self._log = layout.supervisor / "supervisor.log"

    def is_running(self) -> bool:
        """Whether it takes orders."""
        try:
            self._call("getPID")
        except OSError:
            return False
        return True

    def start(self) -> None:
        """Starts it, with no process to keep alive yet. Raises `Trouble` with its log when it doesn't come up."""
        self._layout.programs.mkdir(parents=True, exist_ok=True)
        for program in self._layout.programs.iterdir():
            program.unlink()
        config = self._layout.supervisor / "supervisor.conf"
        config.write_text(settings(self._layout))
        started = subprocess.run(
            (sys.executable, "-m", "supervisor.supervisord", "-c", str(config)),
            capture_output=True,
            text=True,
            check=False,
            cwd=self._layout.supervisor,
            timeout=30,
        )
        if started.returncode != 0:
            raise Trouble("The supervisor did not start.", log=started.stderr.strip() or tail(self._log))

    def stop(self) -> None:
        """Ends it; whatever it still keeps alive is stopped first. Blocks until it is gone."""
        try:
            process = psutil.Process(self._call("getPID"))
            self._call("shutdown")
            process.wait(timeout=60)
        except (OSError, psutil.NoSuchProcess):
            return

    def add(self, *parts: Part) -> None:
        """Makes parts known, or what has changed in them; they are started later."""
        for part in parts:
            write_files(part)
            orders = self._layout.orders(part.name)
            orders.parent.mkdir(parents=True, exist_ok=True)
            orders.touch(mode=0o600)
            orders.write_bytes(msgspec.json.encode(_orders(part), enc_hook=str))
            self._layout.log(part.name).parent.mkdir(exist_ok=True)
            (self._layout.programs / f"{part.name}.conf").write_text(program(part, self._layout))
        self._call("reloadConfig")
        for part in parts:
            self._call("addProcessGroup", part.name, harmless=_ALREADY_ADDED)

    def begin(self, name: str) -> None:
        """Starts a process, unless it runs; doesn't wait for it."""
        self._call("startProcess", name, False, harmless=_ALREADY_STARTED)

    def end(self, name: str) -> None:
        """Stops a process, if it runs. Blocks until it is gone, as long as its part says."""
        self._call("stopProcess", name, True, harmless=_NOT_RUNNING)

    def remove(self, name: str) -> None:
        """Forgets a process that was stopped."""
        (self._layout.programs / f"{name}.conf").unlink(missing_ok=True)
        self._call("reloadConfig")
        self._call("removeProcessGroup", name, harmless=_BAD_NAME)

    def processes(self) -> list[Process]:
        """Every process it knows; none when it doesn't run."""
        try:
            answer = self._call("getAllProcessInfo")
        except OSError:
            return []
        return [
            Process(name=one["name"], pid=one["pid"] or None, state=one["statename"].lower(), since=one["start"])
            for one in answer
        ]

    def process(self, name: str) -> Process | None:
        """One process, None when there is no such."""
        return next((one for one in self.processes() if one.name == name), None)

    def pid(self, name: str) -> int | None:
        """Process id, None while there is none."""
        process = self.process(name)
        return None if process is None else process.pid

    def is_alive(self, name: str) -> bool:
        """Whether a process runs or has just been started."""
        process = self.process(name)
        return process is not None and process.state in {"running", "starting"}

    def _call(self, method: str, *arguments: Any, harmless: int | None = None) -> Any:
        transport = _UnixTransport(self._layout.socket)
        try:
            with xmlrpc.client.ServerProxy("http://supervisor", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == harmless:
                return None
            raise Trouble(f"The supervisor refused {method}: {fault.faultString}") from None


def settings(layout: Layout) -> str:
    """Text of supervisord's configuration."""
    return f"""\
[unix_http_server]
file={_text(layout.socket)}
chmod=0700

[supervisord]
logfile={_text(layout.supervisor / "supervisor.log")}
logfile_maxbytes=1MB
logfile_backups=1
pidfile={_text(layout.supervisor / "supervisor.pid")}
directory={_text(layout.supervisor)}
identifier=chitram
umask=077

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[include]
files={_text(layout.programs)}/*.conf
"""


def program(part: Part, layout: Layout) -> str:
    """Text of supervisord's file for one part.

    A process that is killed is started again at once. One that ends within its first second is
    started again after a second, then after two, and so on for ever: what it lacks may come back any time.
    """
    command = shlex.join((sys.executable, "-m", "deploy.local.launch", str(layout.orders(part.name))))
    return f"""\
[program:{part.name}]
command={_text(command)}
directory={_text(layout.root)}
autostart=false
autorestart=true
startsecs=1
startretries=1000000
stopsignal={part.stop_signal}
stopwaitsecs={part.stop_seconds}
killasgroup=true
redirect_stderr=true
stdout_logfile={_text(layout.log(part.name))}
stdout_logfile_maxbytes={LOG_BYTES}
stdout_logfile_backups={LOGS_KEPT}
"""


def _orders(part: Part) -> dict[str, Any]:
    fields = ("command", "directory", "environment", "stale", "sockets", "stop_signal")
    return {field: getattr(part, field) for field in fields}


def _text(value: Path | str) -> str:
    """A value in supervisord's language, where % begins a variable."""
    return str(value).replace("%", "%%")


class _UnixTransport(xmlrpc.client.Transport):
    """XML-RPC over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:  # noqa: ARG002 - there is but one
        return _UnixConnection(self._path)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("supervisor", timeout=120)
        self._path = path

    def connect(self) -> None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(120)
        try:
            connection.connect(str(self._path))
        except OSError:
            connection.close()
            raise
        self.sock = connection
