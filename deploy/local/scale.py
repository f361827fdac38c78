"""More or fewer processes of a service, without losing a request.

More: the new ones are ready before nginx hears of them. Fewer: nginx forgets them first and
answers what it has in hand, only then are they stopped.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import msgspec

from deploy.local import blueprint, facts
from deploy.local.facts import Facts
from deploy.local.layout import Layout
from deploy.local.running import Running, running
from deploy.local.servers import service
from deploy.local.start import Report, begin


def scale(layout: Layout, wanted: dict[str, int], *, report: Report) -> Facts:
    """Runs as many processes of each service as `wanted` says; the others stay. Blocks until it is done."""
    with running(layout) as stack:
        counts = msgspec.structs.replace(stack.facts.counts, **wanted)
        changed = msgspec.structs.replace(stack.facts, counts=counts)
        ports = facts.settle_ports(changed, facts.names(counts), is_free=lambda _: True).ports
        changed = msgspec.structs.replace(changed, ports=stack.facts.ports | ports)
        gone = set(facts.names(stack.facts.counts)) - set(facts.names(counts))
        try:
            _add(stack, changed, report)
            stack.route(_draw(stack, changed).nginx, drained=bool(gone))
            facts.write_private(layout.facts, changed)
        except BaseException:
            _undo(stack, changed)
            raise
        _remove(stack, sorted(gone))
        return changed


def _undo(stack: Running, changed: Facts) -> None:
    """As before: nginx first, so that it asks nobody who is about to go."""
    try:
        stack.route(stack.draw().nginx, drained=False)
    finally:
        _remove(stack, sorted(set(facts.names(changed.counts)) - set(facts.names(stack.facts.counts))))


def _add(stack: Running, changed: Facts, report: Report) -> None:
    before = facts.names(stack.facts.counts)
    new = [service.part(server) for server in _draw(stack, changed).services if server.name not in before]
    stack.supervisor.add(*new)
    with ThreadPoolExecutor() as pool:
        list(pool.map(partial(begin, layout=stack.layout, supervisor=stack.supervisor, report=report), new))


def _remove(stack: Running, names: list[str]) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(stack.supervisor.end, names))
    for name in names:
        stack.supervisor.remove(name)


def _draw(stack: Running, changed: Facts) -> blueprint.Blueprint:
    return blueprint.draw(changed, facts.credentials(stack.layout.credentials), stack.layout)
