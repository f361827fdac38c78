"""WebP decoded to a smaller size by libwebp itself, which Pillow has no word for.

Uses the library that Pillow has loaded. Where there is none, or one of another binary interface, the answer is None
and Pillow's own way must do. Structures are those of `webp/decode.h`, interface 0x0200 and up.
"""

import ctypes

from PIL import Image

from infrastructure.imaging.loaded import library

_INTERFACE = 0x0209
_OK = 0
_RGB, _RGBA = 0, 1


class _Features(ctypes.Structure):
    _fields_ = (
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("has_alpha", ctypes.c_int),
        ("has_animation", ctypes.c_int),
        ("format", ctypes.c_int),
        ("pad", ctypes.c_uint32 * 5),
    )


class _Buffer(ctypes.Structure):
    """`WebPDecBuffer`, its union as the member for RGB and room for the larger one for YUV."""

    _fields_ = (
        ("colorspace", ctypes.c_int),
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("is_external_memory", ctypes.c_int),
        ("rgba", ctypes.c_void_p),
        ("stride", ctypes.c_int),
        ("size", ctypes.c_size_t),
        ("rest_of_union", ctypes.c_uint64 * 7),
        ("pad", ctypes.c_uint32 * 4),
        ("private_memory", ctypes.c_void_p),
    )


class _Options(ctypes.Structure):
    _fields_ = (
        ("bypass_filtering", ctypes.c_int),
        ("no_fancy_upsampling", ctypes.c_int),
        ("use_cropping", ctypes.c_int),
        ("crop", ctypes.c_int * 4),
        ("use_scaling", ctypes.c_int),
        ("scaled_width", ctypes.c_int),
        ("scaled_height", ctypes.c_int),
        ("use_threads", ctypes.c_int),
        ("dithering_strength", ctypes.c_int),
        ("flip", ctypes.c_int),
        ("alpha_dithering_strength", ctypes.c_int),
        ("pad", ctypes.c_uint32 * 5),
    )


class _Config(ctypes.Structure):
    _fields_ = (("input", _Features), ("output", _Buffer), ("options", _Options))


def decode_scaled(data: bytes, width: int, height: int) -> Image.Image | None:
    """A still WebP picture at exactly that size, or None when the library can't be had or won't decode it."""
    lib = library("libwebp")
    config, size = _Config(), ctypes.c_size_t(len(data))
    if lib is None or not lib.WebPInitDecoderConfigInternal(ctypes.byref(config), _INTERFACE):
        return None
    if lib.WebPGetFeaturesInternal(data, size, ctypes.byref(config.input), _INTERFACE) != _OK:
        return None
    mode, channels = ("RGBA", 4) if config.input.has_alpha else ("RGB", 3)
    pixels = ctypes.create_string_buffer(width * height * channels)
    config.output.colorspace = _RGBA if config.input.has_alpha else _RGB
    config.output.is_external_memory = 1
    config.output.rgba = ctypes.addressof(pixels)
    config.output.stride = width * channels
    config.output.size = len(pixels)
    config.options.use_scaling = 1
    config.options.scaled_width, config.options.scaled_height = width, height
    if lib.WebPDecode(data, size, ctypes.byref(config)) != _OK:
        return None
    return Image.frombytes(mode, (width, height), pixels.raw)
