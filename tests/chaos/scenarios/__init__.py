"""The scenarios: every module in this folder is read, every function marked with `@scenario` is one."""

import importlib
import pkgutil

for module in sorted(pkgutil.iter_modules(__path__), key=lambda found: found.name):
    importlib.import_module(f"{__name__}.{module.name}")
