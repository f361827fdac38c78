"""`chitram scale`: more or fewer processes of a service."""

from argparse import Namespace

from deploy.local.layout import here
from deploy.local.scale import scale
from services.cli.telling import console, ready, tells_trouble


@tells_trouble
def run(given: Namespace) -> int:
    """Returns when the new ones answer and the old ones are gone."""
    with console.status("Scaling ..."):
        counts = scale(here(), dict(given.counts), report=ready).counts
    console.print(f"There are now {counts.read} read, {counts.write} write and {counts.worker} worker.")
    return 0
