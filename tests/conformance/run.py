"""Running schemathesis against a system, as a program of its own."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BRIEF = (
    "--generation-deterministic",
    "--no-shrink",
    "--exclude-method",
    "HEAD",
    "--phases",
    "coverage,stateful",
    "--max-examples",
    "10",
)
"""Always the same cases, each operation's values at their limits and some chains of operations."""


def conform(url: str, *options: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Tries every operation that the system at `url` tells of; status 0 when nothing was found.

    It makes accounts and pictures of its own there. Blocks, `seconds` at most. Raises `TimeoutExpired`.
    """
    return subprocess.run(
        (
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "--no-color"),
            *("run", f"{url}/openapi.json", "--checks", "all", "--continue-on-failure", *options),
        ),
        cwd=HERE.parents[1],
        env=os.environ | {"CHITRAM_CONFORMANCE_URL": url},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=seconds,
    )
