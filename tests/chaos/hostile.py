"""Files that do harm where nobody is on guard: good ones that were changed at random, and bombs."""

import io
import random
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from tests import corpus

LARGEST = 40_000
"""Bytes of the good files that are changed: small ones, so that many can be tried."""
BOMBS = 50
"""One in so many files is a bomb."""


def files(rng: random.Random) -> Iterator[bytes]:
    """Files without end, the same for the same generator."""
    good, bombs = good_files(), (gif_bomb(), png_bomb())
    while True:
        yield rng.choice(bombs) if rng.randrange(BOMBS) == 0 else mutated(rng.choice(good), rng)


def good_files() -> list[bytes]:
    """One of every format, and the small ones of the corpus where there is one."""
    frames = [Image.linear_gradient("L").rotate(angle).convert("RGB").resize((60, 40)) for angle in (0, 90, 180)]
    moving = {"save_all": True, "append_images": frames[1:], "duration": 100}
    clear = frames[0].convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    made = [_saved(frames[0], "JPEG"), _saved(frames[0], "JPEG", progressive=True), _saved(clear, "PNG")]
    made += [_saved(frames[0], kind) for kind in ("WEBP", "GIF")]
    made += [_saved(frames[0], kind, **moving) for kind in ("GIF", "WEBP", "PNG")]
    made.append(_saved(frames[0], "AVIF", max_threads=1))  # moving ones have the time in them
    known = [row.data for row in corpus.rows("ready") if row.path.stat().st_size <= LARGEST]
    return made + known


def mutated(data: bytes, rng: random.Random) -> bytes:
    """A file with one to four changes at random places."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(changed) + 1)
        end = min(len(changed), start + rng.choice((1, 1, 2, 4, 16, 256)))
        match rng.randrange(6):
            case 0:
                changed[start:end] = rng.randbytes(end - start)
            case 1:
                changed[start:end] = rng.choice((b"\0", b"\xff", b"\x7f", b"\x80")) * (end - start)
            case 2:
                del changed[start:end]
            case 3:
                changed[start:start] = rng.randbytes(end - start)
            case 4:
                changed[start:start] = changed[start:end]
            case _:
                for at in range(start, end):
                    changed[at] ^= 1 << rng.randrange(8)
    return bytes(changed[: rng.randrange(len(changed)) + 1] if rng.randrange(10) == 0 else changed)


def gif_bomb() -> bytes:
    """200 frames of 7000 x 7000 pixels in a few kilobytes."""
    size = struct.pack("<HH", 7000, 7000)
    frame = b"," + bytes(4) + size + b"\0" + b"\x02\x02\x4c\x01\x00"
    return b"GIF89a" + size + b"\x80\0\0" + b"\0\0\0\xff\xff\xff" + 200 * frame + b";"


def png_bomb() -> bytes:
    """60,000 x 60,000 pixels in some kilobytes."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(10_000_000))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()
