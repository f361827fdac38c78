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


def _no_reconciler(reconciler: ModuleType) -> None:
    """What the stream has lost is never sent again."""

    async def nothing(*_: Any) -> int:
        return 0

    reconciler.Reconciler.round = nothing


PATCHES: dict[str, dict[str, Patch]] = {
    "reconciler": {"infrastructure.postgres.reconciler": _no_reconciler},
}


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
