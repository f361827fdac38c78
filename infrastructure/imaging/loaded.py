"""Libraries that Pillow has loaded into this process, for the few things it has no words for."""

import ctypes
import re
from functools import cache
from pathlib import Path


@cache
def library(name: str) -> ctypes.CDLL | None:
    """The library of that name, wherever it lies, or None when Pillow was built without it or has it inside itself."""
    found = re.search(rf"(/\S+/{re.escape(name)}[-.][^/\s]+)$", Path("/proc/self/maps").read_text(), re.MULTILINE)
    return ctypes.CDLL(found[1]) if found else None
