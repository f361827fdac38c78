"""The process in which pictures are decoded: `python -m infrastructure.imaging.child`.

Speaks in frames, four bytes of length and that many of MessagePack. It is sent its `Settings` once and says when
it is ready; then, for each picture, a `Job` without data and a frame of the data, and it answers with a `Reply`.
It ends when its input does.
"""

import os
import sys
from typing import BinaryIO

import msgspec
from PIL import Image

from contracts.variants import VARIANTS
from infrastructure.imaging.decode import set_up_decoders
from infrastructure.imaging.encode import encode
from infrastructure.imaging.render import render
from infrastructure.imaging.rendered import READY, Exhausted, Job, Refusal, Reply, Settings
from infrastructure.imaging.sandbox import allow_cpu, confine

_MAX_REASON = 300


def main() -> None:
    """Serves pictures until the input ends."""
    source, sink = sys.stdin.buffer, _private_output()
    settings = msgspec.msgpack.decode(_read(source), type=Settings)
    set_up_decoders(settings.max_pixels)
    _warm_up()
    confine(settings.memory)
    _write(sink, READY)
    _silence()
    decoder = msgspec.msgpack.Decoder(Job)
    while head := _read(source):
        allow_cpu(settings.cpu_seconds)
        reply = answer(msgspec.structs.replace(decoder.decode(head), data=_read(source)))
        _write(sink, msgspec.msgpack.encode(reply))
        if isinstance(reply, Exhausted):
            return


def answer(job: Job) -> Reply:
    """Renders a picture. Decoders raise anything at all when they are fed rubbish: it all means a refusal."""
    try:
        return render(job)
    except MemoryError:
        return Exhausted()
    except Exception as error:  # noqa: BLE001 - see above
        return Refusal(repr(error)[:_MAX_REASON])


def _private_output() -> BinaryIO:
    """The pipe to the parent, out of reach of libraries that print."""
    sink = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return sink


def _silence() -> None:
    """Behind a good start nobody reads what libraries print."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.dup2(null, sys.stderr.fileno())
    os.close(null)


def _warm_up() -> None:
    """Renders a tiny picture, so that no library is still to be loaded when it counts."""
    data = encode(Image.new("RGB", (16, 16)), "image/jpeg")
    render(Job(data, "image/jpeg", frames=1, variants=VARIANTS, avif=False))


def _read(source: BinaryIO) -> bytes:
    """The next frame, empty at the end of input."""
    length = int.from_bytes(source.read(4), "big")
    return source.read(length)


def _write(sink: BinaryIO, data: bytes) -> None:
    sink.write(len(data).to_bytes(4, "big") + data)
    sink.flush()


if __name__ == "__main__":
    main()
