"""AVIF decoded to a smaller size by libavif itself, before it becomes RGB.

Uses the library that Pillow has loaded. Where there is none, or it can't read the file, the answer is None and Pillow's
own way must do. Structures are those of `avif/avif.h` of the 1.x series.
"""

import ctypes
from contextlib import ExitStack

from PIL import Image

from infrastructure.imaging.loaded import library

_OK = 0
_RGBA = 1
_EIGHT_BITS = 8
_COMPLAINT = 512
"""Room for `avifDiagnostics`, twice over."""


class _Picture(ctypes.Structure):
    """`avifRGBImage`."""

    _fields_ = (
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("depth", ctypes.c_uint32),
        ("format", ctypes.c_int),
        ("settings", ctypes.c_int * 7),
        ("pixels", ctypes.c_void_p),
        ("row_bytes", ctypes.c_uint32),
        ("room", ctypes.c_uint64 * 8),
    )


def decode_scaled(data: bytes, width: int, height: int) -> Image.Image | None:
    """The first picture at exactly that size in RGBA, or None when the library can't be had or won't decode it."""
    lib = library("libavif")
    if lib is None or not _is_known(lib):
        return None
    with ExitStack() as stack:
        decoder = ctypes.c_void_p(lib.avifDecoderCreate())
        stack.callback(lib.avifDecoderDestroy, decoder)
        image = ctypes.c_void_p(lib.avifImageCreateEmpty())
        stack.callback(lib.avifImageDestroy, image)
        complaint = ctypes.create_string_buffer(_COMPLAINT)
        if lib.avifDecoderReadMemory(decoder, image, data, ctypes.c_size_t(len(data))) != _OK:
            return None
        if lib.avifImageScale(image, ctypes.c_uint32(width), ctypes.c_uint32(height), complaint) != _OK:
            return None
        return _to_rgba(lib, image, width, height)


def _is_known(lib: ctypes.CDLL) -> bool:
    for function, result in (
        (lib.avifVersion, ctypes.c_char_p),
        (lib.avifDecoderCreate, ctypes.c_void_p),
        (lib.avifImageCreateEmpty, ctypes.c_void_p),
    ):
        function.restype = result
    return bool(lib.avifVersion().startswith(b"1."))


def _to_rgba(lib: ctypes.CDLL, image: ctypes.c_void_p, width: int, height: int) -> Image.Image | None:
    picture = _Picture()
    lib.avifRGBImageSetDefaults(ctypes.byref(picture), image)
    if (picture.width, picture.height, picture.format) != (width, height, _RGBA):
        return None
    pixels = ctypes.create_string_buffer(4 * width * height)
    picture.depth, picture.pixels, picture.row_bytes = _EIGHT_BITS, ctypes.addressof(pixels), 4 * width
    if lib.avifImageYUVToRGB(image, ctypes.byref(picture)) != _OK:
        return None
    return Image.frombytes("RGBA", (width, height), pixels.raw)
