"""A child that misbehaves as the job's content type says, for tests of its parent."""

import os
import signal
import sys
import time
from pathlib import Path

import msgspec

from infrastructure.imaging.rendered import READY, Exhausted, Job, Refusal


def main() -> None:
    read()
    write(READY)
    while head := read():
        job = msgspec.msgpack.decode(head, type=Job)
        data = read()
        misbehave(job.content_type, data)


def misbehave(how: str, data: bytes) -> None:
    """Does what it is told to."""
    if how == "hang":
        time.sleep(3600)
    elif how == "exit":
        sys.exit(3)
    elif how == "rubbish":
        write(b"\xc1")
    elif how == "exhausted":
        write(msgspec.msgpack.encode(Exhausted()))
    elif how == "once":  # the data are the name of a file that remembers
        memory = Path(data.decode())
        if memory.exists():
            write(msgspec.msgpack.encode(Refusal("it was there")))
        else:
            memory.touch()
            os.kill(os.getpid(), signal.SIGSEGV)
    elif how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        write(msgspec.msgpack.encode(Refusal(how)))


def read() -> bytes:
    length = int.from_bytes(sys.stdin.buffer.read(4), "big")
    return sys.stdin.buffer.read(length)


def write(data: bytes) -> None:
    sys.stdout.buffer.write(len(data).to_bytes(4, "big") + data)
    sys.stdout.buffer.flush()


main()
