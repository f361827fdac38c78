"""What a render takes and gives, as it passes between worker and child."""

import msgspec

from contracts.variants import Variant


class RenderedPicture(msgspec.Struct, frozen=True):
    """One rendering of a variant: its encoded bytes, `width` and `height` in pixels."""

    variant: str
    content_type: str
    width: int
    height: int
    data: bytes


class Rendered(msgspec.Struct, frozen=True, tag="rendered"):
    """Everything made of one picture.

    `placeholder` is a ThumbHash in base64, `dominant_color` is `#rrggbb`, `perceptual_hash` 64 bits as 16 hexadecimal
    digits: pictures that look alike differ in few of them. `seconds` says how long each variant took, the largest
    together with all that it takes to get at the picture.
    """

    pictures: tuple[RenderedPicture, ...]
    placeholder: str
    dominant_color: str
    perceptual_hash: str
    seconds: dict[str, float] = {}


class Job(msgspec.Struct, frozen=True):
    """A picture to render: its bytes, the type its probe found, and what to make.

    Of `variants` only those named in `only` are encoded, all when it is empty: they are the same bytes either way.
    """

    data: bytes
    content_type: str
    frames: int
    variants: tuple[Variant, ...]
    avif: bool
    only: tuple[str, ...] = ()


class Refusal(msgspec.Struct, frozen=True, tag="refusal"):
    """The picture can't be rendered; `reason` is a decoder's own words, for logs only."""

    reason: str


class Exhausted(msgspec.Struct, frozen=True, tag="exhausted"):
    """The child has no memory left for this job and ends itself."""


Reply = Rendered | Refusal | Exhausted


class Undecodable(Exception):
    """A picture has no derivatives and never will; `code` is for programs, `message` for people.

    `INVALID_IMAGE`: a decoder refused it. `RENDER_FAILED`: decoding took too long, too much memory, or
    ended the process, twice.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


READY = b"ready"


class Settings(msgspec.Struct, frozen=True):
    """What a child is told once; see `FenceConfig`."""

    memory: int
    cpu_seconds: int
    max_pixels: int
