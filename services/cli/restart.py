"""`chitram restart`: restarts parts one after another."""

from argparse import Namespace

from deploy.local.layout import here
from deploy.local.restart import restart
from services.cli.telling import console, ready, tells_trouble


@tells_trouble
def run(given: Namespace) -> int:
    """Returns when each is ready again."""
    with console.status("Restarting ..."):
        restart(here(), given.names, report=ready)
    return 0
