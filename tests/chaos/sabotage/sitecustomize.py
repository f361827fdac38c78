"""Breaks one thing in our services on purpose, when CHITRAM_SABOTAGE names it.

Python imports this by itself where the directory is on PYTHONPATH; `tests/chaos/stack.py` puts it there. A module is
patched when it is imported, so processes that don't use it don't load it.
"""

import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Patch = Callable[[ModuleType], None]


def _replace(owner: Any, name: str, value: Any) -> None:
    """Raises AttributeError when there is nothing to replace any more: then nothing would be broken."""
    getattr(owner, name)
    setattr(owner, name, value)


def _no_reconciler(reconciler: ModuleType) -> None:
    """What the stream has lost is never sent again."""

    async def nothing(*_: Any) -> int:
        return 0

    _replace(reconciler.Reconciler, "round", nothing)


def _no_tombstones(overlay: ModuleType) -> None:
    """What is heard of a deletion is not remembered."""
    apply = overlay.Overlay.apply

    def apply_all_but_deletions(self: Any, key: Any, entry: Any) -> None:
        if not entry.is_gone:
            apply(self, key, entry)

    _replace(overlay.Overlay, "apply", apply_all_but_deletions)


def _nobody_waits(audience: ModuleType) -> None:
    """A deletion is answered when it is published, whoever has heard of it or not."""

    async def tell(self: Any, event: Any, lsn: str) -> str:
        await self._publisher.publish(audience.event_type(event), event.id, audience.encode(event), lsn)
        return "heard"

    _replace(audience.Audience, "tell", tell)


def _everybody_believes(lease: ModuleType) -> None:
    """A read service never notices that it has lost its lease."""
    _replace(lease.Lease, "is_held", property(lambda _: True))


def _remember_anything(look_up: ModuleType) -> None:
    """A look-up fills the memory with what it has read, however late."""

    def remember(_: Any, seen: Any, sources: Any) -> None:
        if seen.found is not None:
            sources.memory.remember(seen.found)

    _replace(look_up, "_remember", remember)


PATCHES: dict[str, dict[str, Patch]] = {
    "tombstones": {"services.read.overlay": _no_tombstones},
    "leases": {"infrastructure.nats.audience": _nobody_waits, "infrastructure.nats.lease": _everybody_believes},
    "versioned-fill": {"services.read.look_up": _remember_anything},
    "reconciler": {"infrastructure.postgres.reconciler": _no_reconciler},
}
"""What each build lacks, and where."""


class _Breaker(MetaPathFinder):
    """Finds the modules that are to be broken, as the others find them, and breaks them once they are loaded."""

    def __init__(self, patches: dict[str, Patch]) -> None:
        self._patches = patches

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        patch = self._patches.pop(name, None)
        if patch is None:
            return None
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def load_and_break(module: ModuleType) -> None:
            load(module)
            patch(module)
            print(f"sabotage: {name} is broken on purpose", file=sys.stderr)  # noqa: T201 - for the process's log

        spec.loader.exec_module = load_and_break  # type: ignore[method-assign]
        return spec


if sabotage := os.environ.get("CHITRAM_SABOTAGE"):
    sys.meta_path.insert(0, _Breaker(dict(PATCHES[sabotage])))
