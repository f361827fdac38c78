"""AVIF decoded to a smaller size by libavif itself, before it becomes RGB.

Uses the library that Pillow has loaded. Where there is none, or it can't read the file, the answer is None and Pillow's
own way must do. Structures are those of `avif/avif.h` of the 1.x series. The picture is scaled where the decoder holds
it: `avifDecoderReadMemory`, which is simpler, would make a copy of all of it first.
"""

import ctypes
from contextlib import ExitStack

from PIL import Image

from infrastructure.imaging.loaded import library

_OK = 0
_RGBA = 1
_EIGHT_BITS = 8
_IMAGE_OFFSET = 48
"""Of the pointer to its picture in `avifDecoder`, behind eleven fields of four bytes."""
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
        image = _decoded(lib, decoder, data)
        complaint = ctypes.create_string_buffer(_COMPLAINT)
        if (
            image is None
            or lib.avifImageScale(image, ctypes.c_uint32(width), ctypes.c_uint32(height), complaint) != _OK
        ):
            return None
        return _to_rgba(lib, image, width, height)


def _decoded(lib: ctypes.CDLL, decoder: ctypes.c_void_p, data: bytes) -> ctypes.c_void_p | None:
    """The first picture, which stays the decoder's own, as `data` must stay where it is."""
    if lib.avifDecoderSetIOMemory(decoder, data, ctypes.c_size_t(len(data))) != _OK:
        return None
    if lib.avifDecoderParse(decoder) != _OK or lib.avifDecoderNextImage(decoder) != _OK:
        return None
    return ctypes.c_void_p.from_address((decoder.value or 0) + _IMAGE_OFFSET)


def _is_known(lib: ctypes.CDLL) -> bool:
    lib.avifVersion.restype, lib.avifDecoderCreate.restype = ctypes.c_char_p, ctypes.c_void_p
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
