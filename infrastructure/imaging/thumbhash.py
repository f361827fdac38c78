"""ThumbHash: the look of a picture in about 25 bytes (format by Evan Wallace, https://evanw.github.io/thumbhash).

A hash holds the lowest cosine frequencies of lightness, of two colour differences, and of opacity where there is
any: mean values in a header, the rest as half bytes.
"""

import math
from collections.abc import Iterator
from itertools import islice
from operator import mul

import msgspec

_LIGHTNESS = 7
_LIGHTNESS_WITH_ALPHA = 5
_COLOUR = 3
_ALPHA = 5
_SILENCE = 1e-9
"""What is left of a flat channel by the errors of floating point."""


class Channel(msgspec.Struct, frozen=True):
    """A channel's mean, its `nx` by `ny` frequencies without the mean, and the largest of them."""

    nx: int
    ny: int
    mean: float
    waves: list[float]
    scale: float


class Pixels(msgspec.Struct, frozen=True):
    """A small picture: `rgba` has four bytes a pixel, row by row."""

    width: int
    height: int
    rgba: bytes


def encode(pixels: Pixels) -> bytes:
    """The ThumbHash of a picture; 32 pixels on a side are plenty and take about a millisecond."""
    width, height = pixels.width, pixels.height
    red, green, blue, alpha = _over_mean(pixels)
    opaque = min(alpha) >= 1.0
    limit = _LIGHTNESS if opaque else _LIGHTNESS_WITH_ALPHA
    nx, ny = (max(1, _round(limit * side / max(width, height))) for side in (width, height))
    lightness = [(r + g + b) / 3 for r, g, b in zip(red, green, blue, strict=True)]
    yellow = [(r + g) / 2 - b for r, g, b in zip(red, green, blue, strict=True)]
    reddish = [r - g for r, g in zip(red, green, strict=True)]
    channels = [
        _analyse(lightness, width, height, max(3, nx), max(3, ny)),
        _analyse(yellow, width, height, _COLOUR, _COLOUR),
        _analyse(reddish, width, height, _COLOUR, _COLOUR),
    ]
    if not opaque:
        channels.append(_analyse(alpha, width, height, _ALPHA, _ALPHA))
    return _pack(channels, landscape=width > height, side=ny if width > height else nx)


def decode(thumbhash: bytes, width: int, height: int) -> bytes:
    """The picture that a hash describes, drawn at `width` x `height`: four bytes a pixel, row by row.

    Raises `ValueError` when the bytes are no ThumbHash.
    """
    channels = _unpack(thumbhash)
    lightness, yellow, reddish, *rest = (_synthesise(channel, width, height) for channel in channels)
    alpha = rest[0] if rest else [1.0] * (width * height)
    out = bytearray()
    for light, p, q, a in zip(lightness, yellow, reddish, alpha, strict=True):
        blue = light - 2 / 3 * p
        red = (3 * light - blue + q) / 2
        out += bytes((_byte(red), _byte(red - q), _byte(blue), _byte(a)))
    return bytes(out)


def _over_mean(pixels: Pixels) -> tuple[list[float], list[float], list[float], list[float]]:
    """Red, green, blue and opacity from 0 to 1, the colours laid over their mean so that clear pixels don't count."""
    alpha = [value / 255 for value in pixels.rgba[3::4]]
    weight = sum(alpha)
    colours = []
    for index in range(3):
        values = [value / 255 for value in pixels.rgba[index::4]]
        mean = sum(map(mul, values, alpha)) / weight if weight else 0.0
        colours.append([mean * (1 - a) + a * value for value, a in zip(values, alpha, strict=True)])
    return colours[0], colours[1], colours[2], alpha


def _analyse(values: list[float], width: int, height: int, nx: int, ny: int) -> Channel:
    """The lowest frequencies: first along the rows, then down the columns."""
    across = _cosines(width, nx)
    rows = [values[start : start + width] for start in range(0, width * height, width)]
    by_row = [[sum(map(mul, row, wave)) for row in rows] for wave in across]
    down = _cosines(height, ny)
    found = [
        sum(map(mul, by_row[cx], down[cy])) / (width * height)
        for cy in range(ny)
        for cx in range(nx)
        if _kept(cx, cy, nx, ny)
    ]
    scale = max((abs(value) for value in found[1:]), default=0.0)
    if scale < _SILENCE:
        return Channel(nx, ny, found[0], [0.0] * (len(found) - 1), 0.0)
    return Channel(nx, ny, found[0], found[1:], scale)


def _synthesise(channel: Channel, width: int, height: int) -> list[float]:
    """The values of a channel at every pixel: first each column's, then along the rows."""
    nx, ny = channel.nx, channel.ny
    waves = iter([channel.mean, *(2 * wave for wave in channel.waves)])
    grid = [[next(waves) if _kept(cx, cy, nx, ny) else 0.0 for cx in range(nx)] for cy in range(ny)]
    down, across = _cosines(height, ny), _cosines(width, nx)
    values = []
    for y in range(height):
        line = [sum(grid[cy][cx] * down[cy][y] for cy in range(ny)) for cx in range(nx)]
        values += [sum(line[cx] * across[cx][x] for cx in range(nx)) for x in range(width)]
    return values


def _cosines(length: int, count: int) -> list[list[float]]:
    return [[math.cos(math.pi / length * wave * (at + 0.5)) for at in range(length)] for wave in range(count)]


def _kept(cx: int, cy: int, nx: int, ny: int) -> bool:
    """Only the triangle of low frequencies is stored."""
    return cx * ny < nx * (ny - cy)


def _pack(channels: list[Channel], *, landscape: bool, side: int) -> bytes:
    lightness, yellow, reddish, *rest = channels
    first = (
        _round(63 * lightness.mean)
        | _round(31.5 + 31.5 * yellow.mean) << 6
        | _round(31.5 + 31.5 * reddish.mean) << 12
        | _round(31 * lightness.scale) << 18
        | bool(rest) << 23
    )
    second = side | _round(63 * yellow.scale) << 3 | _round(63 * reddish.scale) << 9 | landscape << 15
    header = first.to_bytes(3, "little") + second.to_bytes(2, "little")
    if rest:
        header += bytes([_round(15 * rest[0].mean) | _round(15 * rest[0].scale) << 4])
    halves = [
        _round(15 * (0.5 + 0.5 * wave / channel.scale if channel.scale else wave))
        for channel in channels
        for wave in channel.waves
    ]
    halves += [0] * (len(halves) % 2)
    return header + bytes(low | high << 4 for low, high in zip(halves[::2], halves[1::2], strict=True))


def _unpack(data: bytes) -> list[Channel]:
    """The channels of a hash. Colour differences are drawn a quarter stronger than stored, as the format wants."""
    if len(data) < 5:
        raise ValueError("not a ThumbHash: too short")
    first, second = int.from_bytes(data[:3], "little"), int.from_bytes(data[3:5], "little")
    has_alpha, landscape = bool(first >> 23), bool(second >> 15)
    long = _LIGHTNESS_WITH_ALPHA if has_alpha else _LIGHTNESS
    short = max(3, second & 7)
    nx, ny = (long, short) if landscape else (short, long)
    body = data[6:] if has_alpha else data[5:]
    halves = iter([half for byte in body for half in (byte & 15, byte >> 4)])
    channels = [
        _channel(halves, nx, ny, (first & 63) / 63, (first >> 18 & 31) / 31),
        _channel(halves, _COLOUR, _COLOUR, (first >> 6 & 63) / 31.5 - 1, 1.25 * (second >> 3 & 63) / 63),
        _channel(halves, _COLOUR, _COLOUR, (first >> 12 & 63) / 31.5 - 1, 1.25 * (second >> 9 & 63) / 63),
    ]
    if has_alpha and len(data) > 5:
        channels.append(_channel(halves, _ALPHA, _ALPHA, (data[5] & 15) / 15, (data[5] >> 4) / 15))
    return channels


def _channel(halves: Iterator[int], nx: int, ny: int, mean: float, scale: float) -> Channel:
    count = sum(_kept(cx, cy, nx, ny) for cy in range(ny) for cx in range(nx)) - 1
    stored = list(islice(halves, count))
    if len(stored) < count:
        raise ValueError("not a ThumbHash: too short")
    return Channel(nx, ny, mean, [(half / 7.5 - 1) * scale for half in stored], scale)


def _round(value: float) -> int:
    """Halves go up, unlike Python's own rounding: the format's other writers do so."""
    return math.floor(value + 0.5)


def _byte(value: float) -> int:
    return max(0, min(255, _round(255 * value)))
