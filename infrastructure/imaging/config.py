"""What may come in, and how hard a decoder is fenced."""

from typing import Annotated

import msgspec

from contracts.errors import ImageTooLarge

_Positive = Annotated[int, msgspec.Meta(ge=1)]


class ImagingLimits(msgspec.Struct, frozen=True):
    """The largest picture that is taken in, decided from its header.

    `max_pixels` bounds the canvas, `max_frame_pixels` canvas times frames, `max_side` width and height.
    """

    max_pixels: _Positive = msgspec.field(name="CHITRAM_MAX_PIXELS", default=50_000_000)
    max_frame_pixels: _Positive = msgspec.field(name="CHITRAM_MAX_FRAME_PIXELS", default=200_000_000)
    max_side: _Positive = msgspec.field(name="CHITRAM_MAX_SIDE", default=16_384)

    def admit(self, width: int, height: int, frames: int = 1) -> None:
        """Raises `ImageTooLarge`, naming the limit, when a picture of this size is not taken in."""
        if max(width, height) > self.max_side:
            self._refuse(f"at most {self.max_side:,} on a side", width, height, frames)
        if width * height > self.max_pixels:
            self._refuse(f"at most {self.max_pixels:,} in all", width, height, frames)
        if width * height * frames > self.max_frame_pixels:
            self._refuse(f"at most {self.max_frame_pixels:,} over all frames", width, height, frames)

    def _refuse(self, limit: str, width: int, height: int, frames: int) -> None:
        size = f"{width:,} x {height:,}" + (f", {frames:,} frames" if frames > 1 else "")
        raise ImageTooLarge(
            f"The picture has too many pixels ({size}; {limit}).", width=width, height=height, frames=frames
        )


_GIB = 1024**3


class FenceConfig(msgspec.Struct, frozen=True):
    """How many processes decode, and what each may take.

    `memory` is their address space in bytes; good HEIC pictures need a GiB of it. `cpu_seconds` and `seconds` (by
    the clock) are for one picture; a process that takes more is killed. After `jobs` pictures a process makes way for
    a new one. `pixels` bounds what is decoded at the same time, whatever the number of processes.
    """

    processes: _Positive = msgspec.field(name="CHITRAM_RENDER_PROCESSES", default=2)
    memory: Annotated[int, msgspec.Meta(ge=_GIB)] = msgspec.field(name="CHITRAM_RENDER_MEMORY", default=_GIB)
    cpu_seconds: _Positive = msgspec.field(name="CHITRAM_RENDER_CPU_SECONDS", default=20)
    seconds: Annotated[float, msgspec.Meta(gt=0)] = msgspec.field(name="CHITRAM_RENDER_SECONDS", default=40.0)
    jobs: _Positive = msgspec.field(name="CHITRAM_RENDER_JOBS", default=500)
    pixels: _Positive = msgspec.field(name="CHITRAM_RENDER_PIXELS", default=100_000_000)
    max_pixels: _Positive = msgspec.field(name="CHITRAM_MAX_PIXELS", default=50_000_000)
    avif: bool = msgspec.field(name="CHITRAM_AVIF", default=False)
