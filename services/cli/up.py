"""`chitram up`: starts the whole system on this machine."""

import os
import time
from argparse import Namespace

from deploy.local.layout import here
from deploy.local.start import Wish, start
from services.cli.telling import console, ready, tells_trouble


@tells_trouble
def run(given: Namespace) -> int:
    """Returns when everything is ready."""
    began = time.monotonic()
    settings = {name: value for name, value in os.environ.items() if name.startswith("CHITRAM_")}
    wish = Wish(read=given.read, write=given.write, worker=given.worker, port=given.port, settings=settings)
    with console.status("Starting ..."):
        started = start(here(), wish, report=ready)
    url = f"http://127.0.0.1:{started.facts.port}"
    if started.was_running:
        console.print(f"Chitram runs already: {url}")
        _explain_what_stays(wish)
    else:
        console.print(f"Chitram is ready after {time.monotonic() - began:.1f} seconds: {url}")
    return 0


def _explain_what_stays(wish: Wish) -> None:
    if wish.read or wish.write or wish.worker:
        console.print("To change the number of its processes: chitram scale read=N write=N worker=N")
    if wish.port:
        console.print("To change its port: chitram down, then up again.")
