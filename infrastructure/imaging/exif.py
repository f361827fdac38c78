"""EXIF: which way a picture is to be turned, and what the camera wrote about itself, the time and the place.

The data come from strangers. Offsets are checked, directories bounded, and what makes no sense is left out:
nothing here raises.
"""

import re
import struct
from collections.abc import Iterator
from typing import Any

import msgspec

UPRIGHT = 1
ORIENTATION = 0x0112
MAX_SIZE = 1_000_000
"""Bytes; EXIF of more is not looked at."""

_EXIF_DIRECTORY, _GPS_DIRECTORY = 0x8769, 0x8825
_MAX_ENTRIES = 512
_MAX_TEXT = 128
_MAX_NUMBER = 1e6
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8}
_FORMATS = {1: "B", 3: "H", 4: "I", 5: "II", 9: "i", 10: "ii"}
_TIME = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)")

_TEXTS = {0x010F: "make", 0x0110: "model", 0xA434: "lens"}
_NUMBERS = {0x829A: "exposure_seconds", 0x829D: "f_number", 0x8827: "iso", 0x920A: "focal_length_mm"}
_TAKEN, _OFFSET = 0x9003, 0x9011
_LATITUDE_SIDE, _LATITUDE, _LONGITUDE_SIDE, _LONGITUDE, _ALTITUDE_SIDE, _ALTITUDE = 1, 2, 3, 4, 5, 6

Value = str | tuple[float, ...]


class Facts(msgspec.Struct, frozen=True):
    """What a camera wrote. `camera` is for everyone who may see the picture, `place` for its owner alone."""

    camera: dict[str, Any]
    place: dict[str, float]


class _Tiff:
    """Random access to a TIFF structure."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4], "")

    def number(self, offset: int, length: int) -> int:
        """An unsigned number, 0 where the data have ended."""
        found = self.data[offset : offset + length]
        return int.from_bytes(found, "little" if self.order == "<" else "big") if len(found) == length else 0

    def entries(self, offset: int) -> Iterator[tuple[int, int, int, int]]:
        """Tag, type, count and offset of the value of each entry of a directory."""
        if not self.order or not offset:
            return
        for index in range(min(self.number(offset, 2), _MAX_ENTRIES)):
            start = offset + 2 + 12 * index
            if start + 12 > len(self.data):
                return
            tag, kind, count = self.number(start, 2), self.number(start + 2, 2), self.number(start + 4, 4)
            inline = _SIZES.get(kind, 1) * count <= 4
            yield tag, kind, count, start + 8 if inline else self.number(start + 8, 4)

    def values(self, offset: int) -> dict[int, Value]:
        """The entries of a directory that are short texts or a few numbers."""
        found: dict[int, Value] = {}
        for tag, kind, count, where in self.entries(offset):
            if kind == 2:
                text = self.data[where : where + min(count, _MAX_TEXT)].split(b"\0")[0]
                found[tag] = text.decode("utf-8", "replace").strip()
            elif kind in _FORMATS and 0 < count <= 4 and where + count * _SIZES[kind] <= len(self.data):
                found[tag] = self._numbers(kind, count, where)
        return found

    def _numbers(self, kind: int, count: int, where: int) -> tuple[float, ...]:
        parts = struct.unpack_from(self.order + _FORMATS[kind] * count, self.data, where)
        if kind not in (5, 10):
            return tuple(float(part) for part in parts)
        return tuple(top / bottom if bottom else 0.0 for top, bottom in zip(parts[::2], parts[1::2], strict=True))


def orientation(data: bytes) -> int:
    """How the picture is to be turned, 1 to 8 as EXIF counts them; 1 when the data don't say or make no sense."""
    tiff = _Tiff(data)
    for tag, kind, _, where in tiff.entries(tiff.number(4, 4)):
        if tag == ORIENTATION:
            value = tiff.number(where, 2)
            return value if kind == 3 and 1 <= value <= 8 else UPRIGHT
    return UPRIGHT


def says_only_orientation(data: bytes) -> bool:
    """Whether the data hold nothing else, not even between their parts."""
    return data in (_only(orientation(data), order) for order in "<>")


def only_orientation(value: int) -> bytes:
    """A TIFF structure that says nothing but how to turn the picture."""
    return _only(value, ">")


def read_facts(data: bytes) -> Facts:
    """Make, model, lens, time and exposure, and where the camera was."""
    tiff = _Tiff(data)
    main = tiff.values(tiff.number(4, 4))
    details = tiff.values(_pointer(main, _EXIF_DIRECTORY))
    values = {**main, **details}
    camera: dict[str, Any] = {name: values[tag] for tag, name in _TEXTS.items() if values.get(tag)}
    for tag, name in _NUMBERS.items():
        number = values.get(tag)
        if isinstance(number, tuple) and 0 < number[0] < _MAX_NUMBER:
            camera[name] = round(number[0], 6)
    taken = _taken(values)
    return Facts(
        {**camera, **({"taken_at": taken} if taken else {})}, _place(tiff.values(_pointer(main, _GPS_DIRECTORY)))
    )


def _only(value: int, order: str) -> bytes:
    magic = b"II" if order == "<" else b"MM"
    return struct.pack(order + "2sHIHHHIHHI", magic, 42, 8, 1, ORIENTATION, 3, 1, value, 0, 0)


def _pointer(values: dict[int, Value], tag: int) -> int:
    value = values.get(tag)
    return int(value[0]) if isinstance(value, tuple) else 0


def _taken(values: dict[int, Value]) -> str:
    """The time by the camera's clock in ISO 8601, with its distance from UTC when the camera knew it."""
    found = _TIME.fullmatch(str(values.get(_TAKEN, "")))
    if not found:
        return ""
    zone = str(values.get(_OFFSET, ""))
    return f"{found[1]}-{found[2]}-{found[3]}T{found[4]}" + (zone if re.fullmatch(r"[+-]\d\d:\d\d", zone) else "")


def _place(values: dict[int, Value]) -> dict[str, float]:
    latitude = _degrees(values, _LATITUDE, _LATITUDE_SIDE, ("N", "S"), 90)
    longitude = _degrees(values, _LONGITUDE, _LONGITUDE_SIDE, ("E", "W"), 180)
    if latitude is None or longitude is None:
        return {}
    place = {"latitude": latitude, "longitude": longitude}
    altitude = values.get(_ALTITUDE)
    if isinstance(altitude, tuple):
        below = values.get(_ALTITUDE_SIDE) == (1.0,)
        place["altitude_m"] = round(-altitude[0] if below else altitude[0], 2)
    return place


def _degrees(values: dict[int, Value], tag: int, side_tag: int, sides: tuple[str, str], most: int) -> float | None:
    parts, side = values.get(tag), values.get(side_tag)
    if not isinstance(parts, tuple) or len(parts) != 3 or side not in sides:
        return None
    degrees = parts[0] + parts[1] / 60 + parts[2] / 3600
    return round(-degrees if side == sides[1] else degrees, 7) if 0 <= degrees <= most else None
