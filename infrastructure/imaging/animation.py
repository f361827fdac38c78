"""Animations as animated WebP, one frame in memory at a time."""

import io

from PIL import Image

from infrastructure.imaging.colours import to_srgb, upright
from infrastructure.imaging.decode import essence, join, open_as, orientation_of
from infrastructure.imaging.rendered import Job
from infrastructure.imaging.scale import fit, near, shrink

VARIANT = "large"
"""The one variant that stays animated."""
CONTENT_TYPE = "image/webp"

_FORMATS = frozenset({"image/gif", "image/png", "image/webp", "image/avif"})
_MAX_CANVAS = 6_000_000
_MAX_PIXELS = 64_000_000
"""Of a frame as it is decoded, and over all frames as they are made; an animation of more is shown still."""
_SHORTEST, _USUAL = 11, 100
"""Milliseconds; a frame that is to be shown for less than the first is shown for the second, as browsers do."""
_SETTINGS = {"quality": 75, "method": 2, "background": (0, 0, 0, 0)}


def animate(job: Job, box: int) -> bytes | None:
    """The animation inside a square of `box` pixels, or None where there is none that can be shown.

    A file whose first picture is good and whose later frames aren't has a still picture for its animation.
    """
    if job.frames < 2 or job.content_type not in _FORMATS:
        return None
    try:
        return _animate(job, box)
    except Exception:  # noqa: BLE001 - decoders raise anything; the first picture has been shown to be good
        return None


class _Film(Image.Image):
    """An animation as it is to be shown, each frame made when Pillow's writer seeks to it.

    `durations` is filled as they are made, in milliseconds; the writer reads each behind its frame.
    """

    def __init__(self, source: Image.Image, orientation: int, box: int) -> None:
        super().__init__()
        self._source = source
        self._orientation = orientation
        self._profile = source.info.get("icc_profile") or b""
        self._box = box
        self._skipped = _skipped(source)
        self._index = -1
        self.durations: list[int] = []
        self.n_frames = getattr(source, "n_frames", 1) - self._skipped
        self.seek(0)

    def tell(self) -> int:
        return self._index

    def seek(self, frame: int) -> None:
        if frame == self._index:
            return
        self._source.seek(self._skipped + frame)
        self._source.load()
        size = self._source.size
        small = shrink(near(self._source, size, self._box), fit(size, self._box))
        shown = to_srgb(upright(small, self._orientation), self._profile)
        shown = shown if shown.mode == "RGBA" else shown.convert("RGB")
        self.im, self._mode, self._size, self._index = shown.im, shown.mode, shown.size, frame
        duration = round(self._source.info.get("duration") or 0)
        self.durations.append(duration if duration >= _SHORTEST else _USUAL)


def _animate(job: Job, box: int) -> bytes | None:
    stripped = essence(job.data, job.content_type, still=False)
    source = open_as(join(stripped, job.data) if stripped else job.data, job.content_type)
    frames = getattr(source, "n_frames", 1) - _skipped(source)
    width, height = fit(source.size, box)
    if frames < 2 or source.width * source.height > _MAX_CANVAS or frames * width * height > _MAX_PIXELS:
        return None
    film = _Film(source, orientation_of(source, stripped), box)
    out = io.BytesIO()
    film.save(out, "WEBP", save_all=True, duration=film.durations, loop=_plays(source), **_SETTINGS)
    return out.getvalue()


def _skipped(source: Image.Image) -> int:
    """Frames that are no part of the film: the still picture that may stand before an APNG's."""
    return 1 if source.info.get("default_image") else 0


def _plays(source: Image.Image) -> int:
    """How often it is played, 0 for ever. GIF counts repetitions, and means one play when it says nothing."""
    if source.format != "GIF":
        return int(source.info.get("loop", 0))
    loop = source.info.get("loop")
    return 1 if loop is None else loop and loop + 1
