"""One command at a time changes a stack."""

import contextlib
import fcntl
from collections.abc import Iterator

from deploy.local.layout import Layout
from deploy.local.trouble import Trouble


@contextlib.contextmanager
def exclusive(layout: Layout) -> Iterator[None]:
    """Holds the stack's lock. Raises `Trouble` at once when another command has it."""
    try:
        layout.root.mkdir(mode=0o700, exist_ok=True)
        file = layout.lock.open("w")
    except OSError as error:
        raise Trouble(
            f"Nothing can be written to {layout.root}: {error.strerror}.", way_out="Choose another directory."
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Trouble(
                "Another chitram command is at work on this stack.", way_out="Wait until it is done."
            ) from None
        yield
