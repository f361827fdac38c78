"""Restarting parts of a running stack."""

import msgspec

from deploy.local.layout import Layout
from deploy.local.running import Running, running
from deploy.local.servers import nginx
from deploy.local.start import Report, begin
from deploy.local.trouble import Trouble


def restart(layout: Layout, asked: list[str], *, report: Report) -> None:
    """Restarts parts one after another and blocks until each is ready.

    `asked` are names (`read-1`) or kinds (`read`: all of them). A read or write service with others of its kind is
    taken out of nginx meanwhile, so that no request is lost. Raises `Trouble` for a name that isn't there.
    """
    with running(layout) as stack:
        for name in _names(stack, asked):
            _restart(stack, name, report)


def _names(stack: Running, asked: list[str]) -> list[str]:
    known = [part.name for part in stack.draw().parts]
    found: list[str] = []
    for wanted in asked:
        matching = [name for name in known if name == wanted or name.rpartition("-")[0] == wanted]
        if not matching:
            raise Trouble(f"There is no part named {wanted}.", way_out=f"There are: {', '.join(known)}.")
        found += matching
    return found


def _restart(stack: Running, name: str, report: Report) -> None:
    plan = stack.draw()
    without = _without(plan.nginx, {f"127.0.0.1:{port}" for port in plan.part(name).ports})
    try:
        if without is not None:
            stack.route(without, drained=True)
        stack.supervisor.end(name)
        stack.supervisor.add(plan.part(name))
        begin(plan.part(name), layout=stack.layout, supervisor=stack.supervisor, report=report)
    finally:
        if without is not None:
            stack.route(plan.nginx, drained=False)


def _without(server: nginx.Server, addresses: set[str]) -> nginx.Server | None:
    """The same nginx without these services; None if it doesn't know them, or knows no others of their kind."""
    gateway = server.gateway
    read = tuple(address for address in gateway.read if address not in addresses)
    write = tuple(address for address in gateway.write if address not in addresses)
    if (read, write) == (gateway.read, gateway.write) or not read or not write:
        return None
    return msgspec.structs.replace(server, gateway=msgspec.structs.replace(gateway, read=read, write=write))
