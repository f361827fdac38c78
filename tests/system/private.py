"""What files say about people, found by readers that are not ours: Pillow, and exiftool where it is installed."""

import contextlib
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import ExifTags, Image

pillow_heif.register_heif_opener()

CAMERA = {"Make", "Model", "LensModel", "DateTimeOriginal", "DateTime", "DateTimeDigitized", "OffsetTimeOriginal"}
"""What everyone may know of the camera and the time, in the view; in no file."""

_DIRECTORIES = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo, ExifTags.IFD.IFD1, ExifTags.IFD.MakerNote)
_INFO = ("comment", "xmp", "XML:com.adobe.xmp", "photoshop", "exif", "Raw profile type exif", "Raw profile type iptc")
_JPEG = b"\xff\xd8\xff"
_SHORTEST = 8
"""Characters; shorter words may stand in a file by chance."""

EXIFTOOL = shutil.which("exiftool")

_HARMLESS_GROUPS = re.compile(
    r"ExifTool|System|File|JFIF|QuickTime|Meta|Track.*|RIFF|GIF|PNG|PNG-pHYs|Composite|ICC.*|Adobe|MPF.*"
)
_TELLING_TAGS = re.compile(
    r"File:Comment|GIF:Comment|.*:(GPS.*|.*Serial.*|Artist|Author|Creator|Copyright|Comment|UserComment|Title|Software"
    r"|Description|ImageDescription|Warning|Source|Disclaimer|Make|Model|Creation.*|Modify.*|.*Profile.*[Ee]xif.*)"
)
_NO_TIME = "0000:00:00 00:00:00"
_OF_THE_FILE_SYSTEM = re.compile(r"(System|ICC.*|ExifTool|Composite):")


def secrets(data: bytes) -> dict[str, set[bytes]]:
    """Words that a file says beside its picture, by the name of the field that says them; not those of its profile."""
    found: dict[str, set[bytes]] = {}
    with Image.open(io.BytesIO(data)) as picture:
        profile = picture.info.get("icc_profile") or b""
        for name, value in _said(picture):
            words = {word for word in _words(value) if word not in profile}
            if words:
                found.setdefault(name, set()).update(words)
    return found


def _said(picture: Image.Image) -> Iterator[tuple[str, Any]]:
    for name in _INFO:
        yield name, picture.info.get(name)
    with contextlib.suppress(Exception):  # what Pillow can't read of a broken file it can't tell either
        yield from getattr(picture, "text", {}).items()
    with contextlib.suppress(Exception):
        exif = picture.getexif()
        yield from ((ExifTags.TAGS.get(tag, str(tag)), value) for tag, value in exif.items())
        for directory in _DIRECTORIES:
            for tag, value in exif.get_ifd(directory).items():
                yield ExifTags.TAGS.get(tag, str(tag)), value


def _words(value: Any) -> list[bytes]:
    if isinstance(value, str):
        value = value.encode()
    if not isinstance(value, bytes):
        return []
    told, _, _ = value.partition(_JPEG)  # EXIF may end with a thumbnail, whose tables are those of most JPEGs
    return re.findall(rb"[ -~]{%d,}" % _SHORTEST, told)


def told(directory: Path) -> dict[str, list[str]]:
    """Everything about people that exiftool reads in the files of a directory, by the file's name."""
    assert EXIFTOOL is not None
    command = (EXIFTOOL, "-json", "-G1", "-a", "-s", "-q", str(directory))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return {Path(each["SourceFile"]).name: list(_telling(each)) for each in json.loads(done.stdout)}


def _telling(tags: dict[str, Any]) -> Iterator[str]:
    for name, value in tags.items():
        group, _, tag = name.partition(":")
        if not tag or name == "IFD0:Orientation" or value == _NO_TIME:
            continue
        if not _HARMLESS_GROUPS.fullmatch(group) or (
            _TELLING_TAGS.fullmatch(name) and not _OF_THE_FILE_SYSTEM.match(name)
        ):
            yield f"{name} = {value}"
