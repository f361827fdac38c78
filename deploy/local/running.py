"""A stack that runs, for commands that change or describe it."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import psutil

from deploy.local import blueprint, facts
from deploy.local.facts import Facts
from deploy.local.layout import Layout
from deploy.local.lock import exclusive
from deploy.local.servers import nginx
from deploy.local.supervisor import Supervisor
from deploy.local.trouble import Trouble


class Running(msgspec.Struct, frozen=True):
    """What is known of a stack that runs."""

    facts: Facts
    supervisor: Supervisor
    layout: Layout

    def draw(self) -> blueprint.Blueprint:
        """All of its parts."""
        return blueprint.draw(self.facts, facts.credentials(self.layout.credentials), self.layout)

    def route(self, server: nginx.Server, *, drained: bool) -> None:
        """Gives nginx, if it runs, another configuration; see `nginx.reload`."""
        master = self.supervisor.process("nginx")
        if master is not None and master.pid is not None:
            nginx.reload(server, psutil.Process(master.pid), drained=drained)


@contextmanager
def running(layout: Layout) -> Iterator[Running]:
    """Holds the lock of a running stack. Raises `Trouble` when none runs here."""
    known = facts.read_facts(layout.facts)
    if known is None or not Supervisor(layout).is_running():
        raise Trouble("No stack is running here.", way_out="Start it: chitram up")
    with exclusive(layout):
        yield Running(known, Supervisor(layout), layout)
