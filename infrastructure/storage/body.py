"""The bytes of an object, seen without copying them."""

import io
import mmap
import os
from typing import BinaryIO

Body = bytes | memoryview | BinaryIO
"""What can be stored: bytes, or an open file that stays as it is while it is being stored.

A file is stored from its beginning, wherever it has been read to.
"""


def view(body: Body) -> memoryview:
    """A body as one read-only piece of memory that any number of copies can be sent from at once.

    A file on disk is mapped, not read: its pages were written a moment ago, so touching them does
    not block. The mapping outlives the file object and ends with the last view of it; it is never
    closed by hand, because a connection that hangs may still hold a piece.
    """
    if isinstance(body, bytes | memoryview):
        return memoryview(body).toreadonly().cast("B")
    if isinstance(body, io.BytesIO):
        # Shared, not copied. getbuffer() would stop the owner from closing it while a piece is held.
        return memoryview(body.getvalue())
    body.flush()
    descriptor = body.fileno()
    if not os.fstat(descriptor).st_size:
        return memoryview(b"")
    return memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
