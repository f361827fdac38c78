"""Bringing a stack up.

 1. what an earlier stack has left behind goes, every part gets a port, and the supervisor starts;
 2. side by side: the primary, its database and migrations, then the replicas; Valkey; NATS; SeaweedFS and its buckets;
 3. where the buckets are now is written down, should that have changed; then the services, each waited for until it
    says that it is ready;
 4. nginx, and through it the question whether all is well.

Everything is idempotent: on a stack that runs in part, the rest is started.
"""

import http.client
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import msgspec

from deploy.local import blueprint, facts, leftovers, moved, ports, settings, unprivileged
from deploy.local.blueprint import BUCKETS, Blueprint
from deploy.local.facts import Counts, Facts
from deploy.local.layout import Layout
from deploy.local.lock import exclusive
from deploy.local.part import Part, wait
from deploy.local.ports import HOST
from deploy.local.servers import nats, nginx, postgres, seaweedfs, service, valkey
from deploy.local.stop import take_down
from deploy.local.supervisor import Supervisor
from deploy.local.trouble import Trouble

Report = Callable[[str, float], None]
"""Told the name of each part that is ready, and how many seconds that took."""


PATIENCE = 90.0
"""Seconds that one part may take: on an idle machine none takes five, but machines are not always idle."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for; None means as before, else the default.

    `settings` are variables for every service; those that aren't named stay as before, an empty
    one goes back to its default.
    """

    read: int | None = None
    write: int | None = None
    worker: int | None = None
    port: int | None = None
    settings: dict[str, str] = {}


class Started(msgspec.Struct, frozen=True):
    """The stack that runs now; `was_running` when there was nothing to do."""

    facts: Facts
    was_running: bool


def start(layout: Layout, wish: Wish, *, report: Report) -> Started:
    """Brings the stack up and blocks until it answers. Raises `Trouble`; then nothing that it started runs."""
    with exclusive(layout):
        supervisor = Supervisor(layout)
        known = facts.read_facts(layout.facts)
        if known and supervisor.is_running():
            return Started(known, was_running=_heal(known, layout, supervisor, report))
        leftovers.end(leftovers.find(layout.every_run, below=True))
        before = known or Facts()
        settled = _settle(before, wish)
        settings.check(_draw(settled, layout).services[0].environment)
        facts.write_private(layout.facts, settled)
        unprivileged.let_through(layout.root, layout.every_run, layout.config("x").parent)
        try:
            supervisor.start()
            _bring_up(settled, layout, supervisor, report)
        except BaseException:
            take_down(layout)
            # Settings that it did not start with must not come back with the next start.
            facts.write_private(layout.facts, msgspec.structs.replace(settled, settings=before.settings))
            raise
        return Started(settled, was_running=False)


def begin(part: Part, *, layout: Layout, supervisor: Supervisor, report: Report) -> None:
    """Starts one part and waits until it is ready. Raises `Trouble` when it ends instead, or takes for ever."""
    began = time.monotonic()
    was_alive = supervisor.is_alive(part.name)
    supervisor.begin(part.name)
    first = supervisor.pid(part.name)
    wait(
        part, seconds=PATIENCE, log=layout.log(part.name), alive=lambda: first == supervisor.pid(part.name) is not None
    )
    if not was_alive:
        report(part.name, time.monotonic() - began)


def _heal(known: Facts, layout: Layout, supervisor: Supervisor, report: Report) -> bool:
    """Starts what doesn't run of a stack whose supervisor does. True when there was nothing to do."""
    _wait_until_steady(supervisor)
    running = {process.name for process in supervisor.processes() if process.state == "running"}
    if running == {*blueprint.SERVERS, *facts.names(known.counts)}:
        return True
    _bring_up(known, layout, supervisor, report)
    return False


def _settle(known: Facts, wish: Wish) -> Facts:
    counts = Counts(
        read=wish.read or known.counts.read,
        write=wish.write or known.counts.write,
        worker=wish.worker or known.counts.worker,
    )
    port = known.port if wish.port is None else wish.port
    kept = {name: value for name, value in (known.settings | wish.settings).items() if value}
    settled = msgspec.structs.replace(known, counts=counts, port=port, settings=kept)
    _check_public_port(port)
    try:
        return facts.settle_ports(settled, blueprint.wanted_ports(settled))
    except OSError as error:
        raise Trouble(f"There are no ports for this stack: {error.strerror}.") from None


def _draw(settled: Facts, layout: Layout) -> Blueprint:
    return blueprint.draw(settled, facts.credentials(layout.credentials), layout)


def _check_public_port(port: int) -> None:
    try:
        if ports.is_free(port):
            return
    except PermissionError:
        raise Trouble(
            f"This user may not listen on port {port}.", way_out="Choose one above 1023 with --port."
        ) from None
    another = next((candidate for candidate in range(port + 1, 65_536) if ports.is_free(candidate)), 8080)
    raise Trouble(
        f"Port {port} is taken by another program, perhaps by a stack in another directory.",
        way_out=f"Choose another one: chitram up --port {another}",
    )


def _bring_up(settled: Facts, layout: Layout, supervisor: Supervisor, report: Report) -> None:
    plan = _draw(settled, layout)
    supervisor.add(*plan.parts)
    run = partial(begin, layout=layout, supervisor=supervisor, report=report)
    with ThreadPoolExecutor() as pool:
        _all(
            (
                pool.submit(_start_postgres, plan, run, pool),
                pool.submit(run, valkey.part(plan.valkey)),
                pool.submit(run, nats.part(plan.nats)),
                pool.submit(_start_seaweedfs, plan.seaweedfs, run),
            )
        )
        moved.follow(plan.primary, plan.seaweedfs)
        _all(pool.submit(run, service.part(server)) for server in plan.services)
    run(nginx.part(plan.nginx))
    _prove(settled.port)
    _wait_until_steady(supervisor)


def _start_postgres(plan: Blueprint, run: Callable[[Part], None], pool: ThreadPoolExecutor) -> None:
    postgres.create(plan.primary)
    run(postgres.part(plan.primary))
    postgres.prepare(plan.primary)
    postgres.migrate(plan.primary)
    _all(pool.submit(_start_replica, replica, run) for replica in plan.replicas)


def _start_replica(replica: postgres.Server, run: Callable[[Part], None]) -> None:
    postgres.copy(replica)
    run(postgres.part(replica))


def _start_seaweedfs(server: seaweedfs.Server, run: Callable[[Part], None]) -> None:
    run(seaweedfs.part(server))
    seaweedfs.make_buckets(server, BUCKETS)


def _all(jobs: Iterable[Future[None]]) -> None:
    for job in list(jobs):
        job.result()


def _prove(port: int, seconds: float = 30.0) -> None:
    """Waits until the stack says, through nginx, that all is well."""
    deadline = time.monotonic() + seconds
    while True:
        connection = http.client.HTTPConnection(HOST, port, timeout=5)
        try:
            connection.request("GET", "/health")
            answer = connection.getresponse()
            said = answer.read().decode(errors="replace")
            if answer.status == 200:
                return
        except (OSError, http.client.HTTPException) as error:
            said = repr(error)
        finally:
            connection.close()
        if time.monotonic() > deadline:
            raise Trouble(
                f"Every part runs, but the whole is not well after {seconds:.0f} seconds.", log=f"    {said[:2000]}"
            )
        time.sleep(0.05)


def _wait_until_steady(supervisor: Supervisor, seconds: float = 5.0) -> None:
    """A process counts as running when it has lived for a second."""
    deadline = time.monotonic() + seconds
    while any(process.state == "starting" for process in supervisor.processes()) and time.monotonic() < deadline:
        time.sleep(0.05)
