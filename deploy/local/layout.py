"""Where a stack keeps what, below `.chitram` of the directory it belongs to."""

import hashlib
import tempfile
from pathlib import Path

import msgspec

LONGEST_SOCKET = 90
"""Characters that a Unix socket's path may have: systems take 104 or 108, supervisord adds some while it makes one."""


class Layout(msgspec.Struct, frozen=True):
    """Paths of one stack. `root` is absolute and ends in `.chitram`."""

    root: Path

    @property
    def lock(self) -> Path:
        """Held by the command that changes the stack."""
        return self.root / "lock"

    @property
    def facts(self) -> Path:
        """What the stack is: counts and ports."""
        return self.root / "stack.json"

    @property
    def credentials(self) -> Path:
        """Passwords and keys, made once."""
        return self.root / "credentials.json"

    @property
    def supervisor(self) -> Path:
        """Directory of the supervisor's own files."""
        return self.root / "supervisor"

    @property
    def programs(self) -> Path:
        """One file for each process that the supervisor keeps alive."""
        return self.supervisor / "programs"

    @property
    def socket(self) -> Path:
        """Where the supervisor takes orders; elsewhere when the directory lies too deep for a socket."""
        path = self.supervisor / "socket"
        if len(str(path)) <= LONGEST_SOCKET:
            return path
        return Path(tempfile.gettempdir()) / f"chitram-{hashlib.sha256(str(self.root).encode()).hexdigest()[:16]}"

    def log(self, name: str) -> Path:
        """What a part has said."""
        return self.root / "logs" / f"{name}.log"

    def config(self, file: str) -> Path:
        """A configuration file rendered for this stack."""
        return self.root / "config" / file

    def orders(self, name: str) -> Path:
        """How to launch a part."""
        return self.root / "config" / "parts" / f"{name}.json"

    def run(self, name: str) -> Path:
        """A part's own working directory, with the data it keeps."""
        return self.root / "run" / name

    @property
    def every_run(self) -> Path:
        """What all working directories lie in."""
        return self.root / "run"


def here() -> Layout:
    """The layout of the stack that belongs to the working directory."""
    return Layout(Path.cwd() / ".chitram")
