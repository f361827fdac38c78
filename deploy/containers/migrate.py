"""Applies the migrations that the database lacks: `python -m deploy.containers.migrate`.

dbmate takes one at a time, under a lock of its own; running it twice changes nothing more. Side by side one may fail
and have to be run again: an index that is built beside others waits for all of them, also for who waits for that lock.
"""

import asyncio
import contextlib
import os
import subprocess
import sys

from contracts.errors import Unavailable
from deploy.local import binaries
from deploy.local.servers.postgres import MIGRATIONS
from infrastructure import env
from infrastructure.postgres.config import PrimaryConfig
from infrastructure.postgres.hosts import each_host
from infrastructure.postgres.primary import check_primary

ATTEMPTS, PAUSE = 60, 0.5
"""How often, and after how many seconds again, a host that takes writes is looked for."""


def main() -> int:
    """dbmate's status, of a run on the host that takes writes; 3 without one, 2 for an unusable configuration."""
    try:
        address = asyncio.run(_writable(env.read(PrimaryConfig).primary))
    except env.ConfigError as error:
        print(f"configuration: {error}", file=sys.stderr)
        return 2
    if address is None:
        print("can't migrate: no Postgres server takes writes", file=sys.stderr)
        return 3
    command = (binaries.dbmate(), f"--migrations-dir={MIGRATIONS}", "--no-dump-schema", "--wait", "migrate")
    return subprocess.run(command, env=os.environ | {"DATABASE_URL": _for_dbmate(address)}, check=False).returncode


async def _writable(addresses: str) -> str | None:
    """The first host that takes writes; one may be promoted just now, or be slow to answer."""
    for _ in range(ATTEMPTS):
        for address in each_host(addresses):
            with contextlib.suppress(Unavailable):
                await check_primary(address)
                return address
        await asyncio.sleep(PAUSE)
    return None


def _for_dbmate(address: str) -> str:
    """Where our driver uses TLS when it is offered, dbmate's would insist on it."""
    if "sslmode=" in address:
        return address
    return f"{address}{'&' if '?' in address else '?'}sslmode=disable"


if __name__ == "__main__":
    sys.exit(main())
