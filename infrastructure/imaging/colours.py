"""Turning and colours: from a picture as stored to one that every screen shows right."""

import io
from functools import lru_cache

from PIL import Image, ImageCms, ImageFilter

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}

_SOLIDS = (
    *((255, 255, 255), (0, 158, 224), (230, 0, 126), (49, 39, 131)),
    *((255, 237, 0), (0, 150, 64), (227, 6, 19), (55, 52, 53)),
)
"""Full tones of offset print on coated paper (ISO 12647-2) in sRGB: cyan counts one, magenta two, yellow four."""
_SOLIDS_OVER_BLACK = (
    *((35, 31, 32), (20, 25, 30), (32, 20, 28), (20, 18, 28)),
    *((34, 30, 24), (20, 24, 24), (34, 20, 22), (20, 20, 22)),
)
_BLACK = [round(tone - 0.4 * tone * (255 - tone) / 255) for tone in range(256)]
"""How dark a tone of black is: less than its ink, between none and all."""


def upright(picture: Image.Image, orientation: int) -> Image.Image:
    """Turns and mirrors a picture as its EXIF orientation, 1 to 8, wants."""
    turn = _TURNS.get(orientation)
    return picture if turn is None else picture.transpose(turn)


def turned_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Width and height of a picture of that size when it is upright."""
    return (size[1], size[0]) if orientation >= 5 else size


def to_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """The picture in sRGB, as L, RGB, or RGBA where anything shines through.

    A profile that is broken or of another colour space is passed over.
    """
    if picture.mode == "RGBA" and not _is_transparent(picture):
        return to_srgb(_opaque(picture, profile), profile)
    if picture.mode == "RGBA" and profile:
        colours = to_srgb(_opaque(picture, profile), profile).convert("RGB")
        colours.putalpha(picture.getchannel("A"))
        return colours
    transform = _transform(profile, picture.mode) if profile else None
    if transform is not None:
        return ImageCms.applyTransform(picture, transform) or picture
    return _printed(picture) if picture.mode == "CMYK" else picture


def _is_transparent(picture: Image.Image) -> bool:
    return picture.getchannel("A").histogram()[255] < picture.width * picture.height


def _opaque(picture: Image.Image, profile: bytes) -> Image.Image:
    """The colours alone; grey ones as grey, so that a profile for grey fits them."""
    return picture.convert("L" if _space(profile) == "GRAY" else "RGB")


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    if _space(profile) != _SPACES[mode]:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
        return ImageCms.buildTransform(source, target, mode, "RGB", intent, flags)
    except (ImageCms.PyCMSError, OSError):
        return None


def _space(profile: bytes) -> str:
    """Colour space of a profile, from its header (ICC.1, 7.2.6)."""
    return profile[16:20].decode("latin-1").strip()


def _printed(picture: Image.Image) -> Image.Image:
    """CMYK without a profile, as print looks: the full tones mixed by the area that each ink covers (Neugebauer)."""
    cyan, magenta, yellow, black = picture.split()
    inks = Image.merge("RGB", (cyan, magenta, yellow))
    return Image.composite(inks.filter(_mix(_SOLIDS_OVER_BLACK)), inks.filter(_mix(_SOLIDS)), black.point(_BLACK))


def _mix(solids: tuple[tuple[int, int, int], ...]) -> ImageFilter.Color3DLUT:
    return ImageFilter.Color3DLUT(2, [value / 255 for solid in solids for value in solid])
