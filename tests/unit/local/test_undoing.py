"""A change that fails leaves the stack as it was."""

from contextlib import contextmanager

import pytest

from deploy.local import blueprint, facts, restart, scale
from deploy.local.facts import Counts, Facts
from deploy.local.layout import Layout
from deploy.local.running import Running
from deploy.local.trouble import Trouble


class Supervisor:
    """Remembers which processes it knows."""

    def __init__(self):
        self.known = set()

    def add(self, *parts):
        self.known |= {part.name for part in parts}

    def end(self, name):
        pass

    def remove(self, name):
        self.known.discard(name)


@pytest.fixture
def stack(tmp_path, monkeypatch):
    """A stack with two read services whose new processes never get ready; and the routes nginx was given."""
    ports = facts.settle_ports(Facts(), blueprint.wanted_ports(Facts())).ports
    known = Facts(Counts(read=2), 8080, ports)
    layout = Layout(tmp_path)
    facts.write_private(layout.facts, known)
    routes = []

    def route(self, server, *, drained):
        routes.append(server.gateway.read)

    made = Running(known, Supervisor(), layout)

    @contextmanager
    def running(_):
        yield made

    def begin(*_, **__):
        raise Trouble("It never got ready.")

    monkeypatch.setattr(Running, "route", route)
    for module in (scale, restart):
        monkeypatch.setattr(module, "begin", begin)
        monkeypatch.setattr(module, "running", running)
    return made, routes


def test_failed_scale(stack):
    """New processes go, nginx knows the old ones alone, and nothing else is remembered."""
    made, routes = stack
    with pytest.raises(Trouble, match="never got ready"):
        scale.scale(made.layout, {"read": 4}, report=print)
    assert made.supervisor.known == set()
    assert routes == [made.draw().nginx.gateway.read]
    assert facts.read_facts(made.layout.facts) == made.facts


def test_scale_whose_route_is_refused(stack, monkeypatch):
    """The same when the new processes are there but nginx can't be told."""
    made, routes = stack
    monkeypatch.setattr(scale, "begin", lambda *_, **__: None)

    def route(self, server, *, drained):
        routes.append(server.gateway.read)
        if len(server.gateway.read) == 4:
            raise Trouble("nginx refused.")

    monkeypatch.setattr(Running, "route", route)
    with pytest.raises(Trouble, match="nginx refused"):
        scale.scale(made.layout, {"read": 4}, report=print)
    assert made.supervisor.known == set()
    assert [len(read) for read in routes] == [4, 2]
    assert facts.read_facts(made.layout.facts) == made.facts


def test_failed_restart(stack):
    """nginx gets the service back, whatever has become of it."""
    made, routes = stack
    with pytest.raises(Trouble, match="never got ready"):
        restart.restart(made.layout, ["read-1"], report=print)
    assert [len(read) for read in routes] == [1, 2]


def test_restart_whose_route_fails(stack, monkeypatch):
    """Also when nginx didn't forget it in time."""
    made, routes = stack

    def route(self, server, *, drained):
        routes.append(server.gateway.read)
        if drained:
            raise Trouble("nginx still works with its old configuration.")

    monkeypatch.setattr(Running, "route", route)
    with pytest.raises(Trouble, match="old configuration"):
        restart.restart(made.layout, ["read-1"], report=print)
    assert [len(read) for read in routes] == [1, 2]
