"""`make load` and `make load-web`: locust against a running system, wherever it is.

The environment says how much: USERS, SPAWN_RATE (users a second), SECONDS, PROCESSES, and URL; without one it is the
stack of the working directory. With TAGS people look only at pictures that have these tags, as where others add and
delete theirs meanwhile. A system with few pictures is given some first. Status 1 when a limit is missed, 2 when
nobody answers.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from tests.load import cpu, seed
from tests.load.pictures import LARGE, PHOTO, SMALL, draw

HERE = Path(__file__).parent
REPORT = Path("load-report.html")


def main(arguments: list[str]) -> int:
    """Runs locust to its end; with `--web` its page, until it is interrupted."""
    url = (os.environ.get("URL") or seed.local_url()).rstrip("/")
    try:
        lacking = seed.missing(url)
        with TemporaryDirectory() as albums:
            draw(Path(albums), SMALL, PHOTO, LARGE)
            if lacking:
                seed.fill(url, Path(albums), lacking)
            return _run(url, albums, web="--web" in arguments)
    except (httpx.HTTPError, TimeoutError) as error:
        print(f"{url} does not answer well: {error}. Does it run? (make up)", file=sys.stderr)
        return 2


def _run(url: str, albums: str, *, web: bool) -> int:
    users, processes = os.environ.get("USERS") or "100", os.environ.get("PROCESSES") or str(min(2, os.cpu_count() or 1))
    rate = os.environ.get("SPAWN_RATE") or str(max(1, int(users) // 10))
    words = [sys.executable, "-m", "locust", "--locustfile", str(HERE / "locustfile.py"), "--host", url]
    words += ["--users", users, "--spawn-rate", rate, "--processes", processes]
    if web:
        print("Locust's page: http://127.0.0.1:8089")
        words += ["--web-host", "127.0.0.1", "--class-picker"]
    else:
        seconds = os.environ.get("SECONDS") or "60"
        words += ["--headless", "--run-time", f"{seconds}s", "--stop-timeout", "10", "--only-summary"]
        words += ["--skip-log", "--html", str(REPORT), "--loglevel", "WARNING"]
        print(f"{users} users, {rate} more each second, {seconds} seconds in {processes} processes against {url}")
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[1]), "ALBUMS": albums}
    with cpu.watched(url):
        status = subprocess.run(words, env=environment, check=False).returncode
    if not web:
        print(f"Report: {REPORT}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
