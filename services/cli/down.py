"""`chitram down`: stops the system of this directory."""

from argparse import Namespace

from deploy.local.layout import here
from deploy.local.stop import purge, stop
from services.cli.telling import console, errors, tells_trouble


@tells_trouble
def run(given: Namespace) -> int:
    """Returns when nothing of it runs any more."""
    layout = here()
    if given.purge:
        if not given.yes and not _agrees(str(layout.root)):
            errors.print("Nothing was done.")
            return 1
        purge(layout)
        console.print("Chitram is stopped and its data removed.")
        return 0
    console.print("Chitram is stopped." if stop(layout) else "Chitram was not running.")
    return 0


def _agrees(place: str) -> bool:
    try:
        return input(f"Remove every picture and all other data in {place}? [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        return False
