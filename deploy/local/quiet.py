"""A running stack without its services, for who changes everything beneath them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deploy.local import moved
from deploy.local.layout import Layout
from deploy.local.running import running
from deploy.local.servers import postgres, service
from deploy.local.start import Report, begin


@contextmanager
def quiet(layout: Layout, *, report: Report) -> Iterator[Callable[[], None]]:
    """Stops the read and write services and the workers, and starts them again at the end, whatever comes of the block.

    Gives what makes a database that came from elsewhere this stack's own: the migrations that it lacks are applied, and
    the list of shards says where the buckets are here. Raises `Trouble` when no stack runs or a service doesn't start.
    """
    with running(layout) as stack:
        plan = stack.draw()
        parts = [service.part(server) for server in plan.services]
        for part in parts:
            stack.supervisor.end(part.name)

        def settle() -> None:
            postgres.migrate(plan.primary)
            moved.follow(plan.primary, plan.seaweedfs)

        try:
            yield settle
        finally:
            for part in parts:
                begin(part, layout=layout, supervisor=stack.supervisor, report=report)
