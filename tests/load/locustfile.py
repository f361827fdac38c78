"""What locust is given: the people, and a judgement at the end. `make load` starts it."""

import os
from pathlib import Path

from locust import events
from locust.env import Environment
from locust.runners import WorkerRunner

from tests.load import people, report
from tests.load.people import Deleter, GalleryBrowser, HeavyUploader, Uploader, Viewer

__all__ = ["Deleter", "GalleryBrowser", "HeavyUploader", "Uploader", "Viewer"]

people.prepare(Path(os.environ["ALBUMS"]))


@events.quitting.add_listener
def judge(environment: Environment, **_: object) -> None:
    """The table, and the exit status: 1 past a limit."""
    if isinstance(environment.runner, WorkerRunner):
        return
    missed = report.missed(environment.stats)
    print(report.table(environment.stats))
    for sentence in missed:
        print(f"Missed: {sentence}")
    environment.process_exit_code = 1 if missed else 0
