"""The container that makes backups goes on in the same measure, whatever becomes of one."""

import os
import subprocess
from pathlib import Path

import pytest

from services.cli import backup
from services.worker.backup.manifest import Manifest, encode
from tests.unit.samples import NOON

SCRIPT = Path(__file__).parents[3] / "deploy/containers/backup.sh"


@pytest.fixture
def run(tmp_path):
    """Runs the script until it first sleeps, for a `chitram backup` that ends with a status, and leaves a directory
    behind where that says so; gives the seconds that it wanted to sleep, the backups that are left, and what it said.
    """
    (tmp_path / "backups").mkdir()
    commands = tmp_path / "bin"
    commands.mkdir()

    def command(name, *lines):
        path = commands / name
        path.write_text("\n".join(("#!/bin/sh", *lines, "")))
        path.chmod(0o755)

    command("sleep", f"echo $1 > {tmp_path}/slept", "kill $PPID")

    def once(status):
        save(tmp_path / "made", absent=status and 1)
        made = status in (0, backup.INCOMPLETE)
        command("chitram", f'test {made:d} = 0 || cp -r {tmp_path}/made "$2"', f"exit {status}")
        known = {
            "PATH": f"{commands}:{os.environ['PATH']}",
            "BACKUPS": str(tmp_path / "backups"),
            "BACKUP_FAILED": str(tmp_path / "failed"),
            "BACKUP_EVERY": "86400",
            "BACKUPS_KEPT": "2",
        }
        done = subprocess.run(("sh", SCRIPT), env=known, capture_output=True, text=True, timeout=300, check=False)
        left = sorted(path.name for path in (tmp_path / "backups").iterdir())
        return int((tmp_path / "slept").read_text()), left, done.stderr

    return once


def save(directory, *, absent):
    """The manifest of a backup that lacks some objects."""
    directory.mkdir(exist_ok=True)
    manifest = Manifest(
        format=1, made_at=NOON, migrations=(), tables=(), objects=1, bytes=1, with_objects=True, absent=absent
    )
    (directory / "manifest.json").write_bytes(encode(manifest))


def test_an_incomplete_backup_is_made_no_more_often_than_others(run, tmp_path):
    """It is kept and pruned like them, and told of; the last complete one stays, since it may have what is lost."""
    for name, absent in (("chitram-1", 0), ("chitram-2", 0), ("chitram-3", 1), ("chitram-4", 1)):
        save(tmp_path / "backups" / name, absent=absent)
    seconds, left, said = run(backup.INCOMPLETE)
    assert (seconds, "INCOMPLETE" in said) == (86_400, True)
    assert {"chitram-2", "chitram-4"} < set(left)
    assert len(left) == 3
    assert (tmp_path / "failed").exists()


def test_a_backup_that_failed_is_tried_again_soon(run, tmp_path):
    """Nothing of it is there, so the others stay; once one is made the health check is content again."""
    for name in ("chitram-1", "chitram-2", "chitram-3"):
        save(tmp_path / "backups" / name, absent=0)
    (tmp_path / "backups" / "chitram-9.partial").mkdir()
    assert run(1)[:2] == (60, ["chitram-1", "chitram-2", "chitram-3"])
    assert (tmp_path / "failed").exists()
    seconds, left, _ = run(0)
    assert (seconds, len(left), "chitram-3" in left) == (86_400, 2, True)
    assert not (tmp_path / "failed").exists()
