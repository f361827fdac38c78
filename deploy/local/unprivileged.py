"""Running as root what refuses to run as root.

PostgreSQL will not start for the superuser. Where user namespaces are allowed it runs in one in
which we are somebody else: to the kernel it stays the same user, so no file changes its owner and the checkout
may lie anywhere. Where they are forbidden it runs as `nobody`, who is given the files it needs.
"""

import os
import pwd
import shutil
import subprocess
from functools import cache
from pathlib import Path

from deploy.local.trouble import Trouble

_NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


def command(words: tuple[str, ...]) -> tuple[str, ...]:
    """The command that runs `words` as somebody who isn't root; `words` themselves when we are not."""
    if os.geteuid() != 0:
        return words
    if _namespaces_work():
        return (*_NAMESPACE, *words)
    if shutil.which("setpriv") is None:
        raise Trouble(
            "PostgreSQL does not run as root, and neither user namespaces nor setpriv are there to change that.",
            way_out="Run this as an ordinary user.",
        )
    owner = _owner()
    return ("setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups", *words)


def give(path: Path) -> None:
    """Gives a file or a directory (not what is in it) to whoever `command` runs as, where that is another user."""
    if _is_another_user():
        os.chown(path, _owner().pw_uid, _owner().pw_gid)


def let_through(*directories: Path) -> None:
    """Lets whoever `command` runs as, where that is another user, reach what it was given below these directories."""
    for directory in directories:
        directory.mkdir(parents=True, exist_ok=True)
        if _is_another_user():
            directory.chmod(0o711)


def _is_another_user() -> bool:
    return os.geteuid() == 0 and not _namespaces_work()


def _owner() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


@cache
def _namespaces_work() -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run((*_NAMESPACE, "true"), check=False, capture_output=True)
    return tried.returncode == 0
