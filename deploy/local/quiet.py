"""A running stack without its services, for who changes everything beneath them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from deploy.local import moved
from deploy.local.layout import Layout
from deploy.local.running import running
from deploy.local.servers import postgres, service
from deploy.local.start import Report, begin


class Quiet(msgspec.Struct):
    """`settle` makes a database that came from elsewhere this stack's own: migrations that it lacks are applied, and
    the list of shards says where the buckets are here. With `starts` the services start at the end.
    """

    settle: Callable[[], None]
    starts: bool = True


@contextmanager
def quiet(layout: Layout, *, report: Report) -> Iterator[Quiet]:
    """Stops the read and write services and the workers, and starts them again at the end, whatever comes of the block,
    unless what it gives says otherwise then. Raises `Trouble` when no stack runs or a service doesn't start.
    """
    with running(layout) as stack:
        plan = stack.draw()
        parts = [service.part(server) for server in plan.services]
        for part in parts:
            stack.supervisor.end(part.name)

        def settle() -> None:
            postgres.migrate(plan.primary)
            moved.follow(plan.primary, plan.seaweedfs)

        given = Quiet(settle)
        try:
            yield given
        finally:
            for part in parts if given.starts else ():
                begin(part, layout=layout, supervisor=stack.supervisor, report=report)
