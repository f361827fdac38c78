"""Taking a stack down, so that nothing of it runs."""

import shutil
from concurrent.futures import ThreadPoolExecutor

from deploy.local import blueprint, facts, leftovers
from deploy.local.layout import Layout
from deploy.local.lock import exclusive
from deploy.local.supervisor import Supervisor
from deploy.local.trouble import Trouble

ORDER = (
    ("nginx",),
    ("write", "read", "worker"),
    ("postgres-replica", "seaweedfs", "nats", "valkey"),
    ("postgres-primary",),
)
"""What is stopped together, by the beginning of its name: who asks before who answers."""


def stop(layout: Layout) -> bool:
    """Stops the stack; the data stays. False when nothing ran. Raises `Trouble` if something can't be stopped."""
    if not layout.root.exists():
        return False
    with exclusive(layout):
        return take_down(layout)


def purge(layout: Layout) -> None:
    """Stops the stack and removes everything it has ever stored. Raises `Trouble` if something can't be removed."""
    if not layout.root.exists():
        return
    with exclusive(layout):
        take_down(layout)
        try:
            shutil.rmtree(layout.root)
        except OSError as error:
            sentence = f"{error.filename} could not be removed: {error.strerror}."
            raise Trouble(sentence, way_out=f"Nothing runs any more; remove {layout.root} by hand.") from None


def take_down(layout: Layout) -> bool:
    """As `stop`, for a caller that holds the lock."""
    supervisor = Supervisor(layout)
    was_running = supervisor.is_running()
    if was_running:
        _stop_in_order(supervisor)
        supervisor.stop()
    left = leftovers.find(layout.every_run, below=True)
    leftovers.end(left)
    _remove_sockets(layout)
    if still := leftovers.find(layout.every_run, below=True):
        raise Trouble(f"These processes could not be stopped: {', '.join(str(process.pid) for process in still)}.")
    return was_running or bool(left)


def _stop_in_order(supervisor: Supervisor) -> None:
    names = [process.name for process in supervisor.processes()]
    with ThreadPoolExecutor() as pool:
        for kinds in ORDER:
            list(pool.map(supervisor.end, [name for name in names if name.startswith(kinds)]))


def _remove_sockets(layout: Layout) -> None:
    try:
        known = facts.read_facts(layout.facts)
        if known is None or not layout.credentials.exists():
            return
        plan = blueprint.draw(known, facts.credentials(layout.credentials), layout)
    except Trouble:  # nobody knows their names, and damaged facts must not keep a stack from being removed
        return
    for part in plan.parts:
        for socket in part.sockets:
            socket.unlink(missing_ok=True)
