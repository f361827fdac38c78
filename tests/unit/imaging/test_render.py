"""Everything made of one picture."""

import io
import zlib

import pytest
from PIL import Image, ImageChops, ImageFile, ImageStat

from contracts.variants import VARIANTS, Variant
from infrastructure.imaging import large, libavif, libwebp
from infrastructure.imaging.child import answer
from infrastructure.imaging.config import ImagingLimits
from infrastructure.imaging.decode import first_picture, open_as, set_up_decoders
from infrastructure.imaging.probe import probe
from infrastructure.imaging.render import render
from infrastructure.imaging.rendered import Exhausted, Job, Refusal, Rendered
from tests.unit.imaging import files


@pytest.fixture(scope="module", autouse=True)
def decoders():
    """As in a child."""
    set_up_decoders(50_000_000)


def made(data: bytes, *, variants=VARIANTS, avif=False, only=()) -> Rendered:
    """What is made of a file as it would be uploaded."""
    found = probe(io.BytesIO(data), ImagingLimits())
    return render(Job(data, found.content_type, found.frames, variants, avif, only))


def opened(picture) -> Image.Image:
    """A rendered picture, decoded."""
    image = Image.open(io.BytesIO(picture.data))
    image.load()
    return image


def test_variants():
    """Each size is made as WebP and JPEG, fits its box, and says its size truly."""
    found = made(files.saved("JPEG", files.picture(1200, 700)))
    assert [(each.variant, each.content_type, each.width, each.height) for each in found.pictures] == [
        ("large", "image/webp", 800, 467),
        ("large", "image/jpeg", 800, 467),
        ("medium", "image/webp", 300, 175),
        ("medium", "image/jpeg", 300, 175),
        ("small", "image/webp", 150, 88),
        ("small", "image/jpeg", 150, 88),
    ]
    for each in found.pictures:
        assert opened(each).size == (each.width, each.height)
        assert Image.MIME[opened(each).format] == each.content_type


def test_transparency():
    """What can be seen through is made as WebP and PNG and stays so."""
    found = made(files.saved("PNG", files.picture(400, 300, "RGBA")))
    assert {each.content_type for each in found.pictures} == {"image/webp", "image/png"}
    for each in found.pictures:
        assert opened(each).mode == "RGBA"
        assert opened(each).getchannel("A").getextrema() != (255, 255)


def test_opaque_pictures_with_an_alpha_channel():
    """A channel for transparency in which there is none doesn't count."""
    picture = files.picture(400, 300)
    picture.putalpha(255)
    assert {each.content_type for each in made(files.saved("PNG", picture)).pictures} == {"image/webp", "image/jpeg"}


def test_avif():
    """AVIF is made, too, where it is wanted."""
    found = made(files.saved("JPEG"), avif=True)
    assert {each.content_type for each in found.pictures} == {"image/webp", "image/jpeg", "image/avif"}


def test_never_enlarged():
    """A small picture keeps its size in every variant, and the same bytes."""
    found = made(files.saved("PNG", files.picture(40, 30)))
    assert {(each.width, each.height) for each in found.pictures} == {(40, 30)}
    assert len({each.data for each in found.pictures}) == 2


def test_one_variant():
    """A part of the list can be made alone."""
    found = made(files.saved("JPEG", files.picture(500, 500)), variants=(Variant("tiny", 10),))
    assert [(each.variant, each.width) for each in found.pictures] == [("tiny", 10), ("tiny", 10)]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "AVIF"])
def test_same_bytes_each_time(kind):
    """A second render of the same file gives the same bytes."""
    data = files.animation(kind) if kind in ("GIF", "WEBP") else files.saved(kind, files.picture(400, 300))
    assert made(data).pictures == made(data).pictures


@pytest.mark.parametrize("only", [("medium",), ("small", "large")])
@pytest.mark.parametrize("data", [files.saved("JPEG", files.picture(900, 500)), files.animation("GIF")])
def test_some_of_the_variants(data, only):
    """Made alone, a variant has the same bytes as among the others, and nothing else is made."""
    wanted = [each for each in made(data).pictures if each.variant in only]
    assert list(made(data, only=only).pictures) == wanted


def test_seconds():
    """How long each variant took is told of those that were made."""
    assert made(files.saved("JPEG")).seconds.keys() == {"small", "medium", "large"}
    assert made(files.saved("JPEG"), only=("small",)).seconds.keys() == {"small"}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_no_metadata(kind):
    """Nothing that a file says about people or devices gets into what is made of it."""
    told = Image.Exif()
    told[0x010F] = "SECRETMAKE"
    options = {"comment": b"SECRET"} if kind == "JPEG" else {}
    data = files.saved(kind, exif=told, icc_profile=b"\0" * 16 + b"RGB SECRET" + bytes(200), **options)
    for each in made(data, avif=True).pictures:
        assert b"SECRET" not in each.data
        assert not {"exif", "icc_profile", "comment", "xmp"} & opened(each).info.keys()


AWRY = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera that is held so stores an upright picture."""


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_upright(kind, orientation):
    """However a picture is stored and whatever the format says it with, what is shown is the same upright picture."""
    told = Image.Exif()
    told[0x0112] = orientation
    picture = files.picture(60, 40)
    stored = picture.transpose(AWRY[orientation]) if orientation in AWRY else picture
    quality = {} if kind == "PNG" else {"quality": 95}
    found = made(files.saved(kind, stored, exif=told, **quality)).pictures[1]
    assert (found.width, found.height) == (60, 40)
    off = ImageStat.Stat(ImageChops.difference(opened(found).convert("RGB"), picture)).mean
    assert max(off) < 5, off  # of 255; turned otherwise it is above 50


def test_description():
    """Colour and hash are of what is seen."""
    found = made(files.saved("PNG", Image.new("RGB", (64, 64), (10, 200, 30))))
    assert found.dominant_color == "#0ac81e"
    assert len(found.placeholder) > 20
    assert int(found.perceptual_hash, 16) < 2**64
    clear = made(files.saved("PNG", Image.new("RGBA", (64, 64), (10, 200, 30, 0))))
    assert clear.dominant_color == "#ffffff"


def distance(one: Rendered, other: Rendered) -> int:
    """Bits in which two hashes differ."""
    return (int(one.perceptual_hash, 16) ^ int(other.perceptual_hash, 16)).bit_count()


def test_perceptual_hash():
    """Pictures that look alike have like hashes, others have not."""
    picture = Image.effect_mandelbrot((640, 480), (-1.9, -0.3, 0.9, 1.4), 50)
    original = made(files.saved("PNG", picture))
    assert distance(original, made(files.saved("JPEG", picture.resize((200, 150)), quality=30))) <= 8
    assert distance(original, made(files.saved("PNG", picture.rotate(180)))) > 16


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_animations(kind):
    """The large variant of an animation moves, with its frames and timing; the others are its first frame."""
    found = made(files.animation(kind, frames=4, size=(200, 100)))
    moving = [each for each in found.pictures if getattr(opened(each), "n_frames", 1) > 1]
    assert [(each.variant, each.content_type) for each in moving] == [("large", "image/webp")]
    film = opened(moving[0])
    assert film.n_frames == 4
    assert film.info["duration"] == 120


@pytest.mark.parametrize(("options", "plays"), [({}, 1), ({"loop": 0}, 0), ({"loop": 2}, 3)])
def test_repetition(options, plays):
    """GIF counts repetitions, WebP plays."""
    film = opened(made(files.animation("GIF", **options)).pictures[0])
    assert film.info["loop"] == plays


def test_hasty_frames():
    """Frames that are said to be shown for no time are shown as long as browsers show them."""
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue", "green")]
    data = files.saved("GIF", frames[0], save_all=True, append_images=frames[1:], duration=0)
    assert opened(made(data).pictures[0]).info["duration"] == 100


def test_animation_with_bad_later_frames():
    """Where only the first frame is good, the animation is a still picture."""
    data = bytearray(files.animation("GIF", frames=3, size=(50, 50)))
    last = data.rindex(b",\0\0\0\0")
    data[last + 1 : last + 9] = b"\xff" * 8
    assert getattr(opened(made(bytes(data)).pictures[0]), "n_frames", 1) == 1


def test_animation_too_long_to_make():
    """An animation of very many pixels is shown still."""
    found = made(files.animation("GIF", frames=110, size=(800, 800)))
    assert getattr(opened(found.pictures[0]), "n_frames", 1) == 1


def test_still_animation():
    """A still picture in front of an APNG's animation is its first picture and no part of the film."""
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue", "green")]
    data = files.saved("PNG", frames[0], save_all=True, append_images=frames[1:], default_image=True, duration=120)
    found = made(data)
    assert opened(found.pictures[0]).n_frames == 2
    assert opened(found.pictures[1]).getpixel((0, 0)) == pytest.approx((254, 0, 0), abs=3)


def stored(rows: int) -> bytes:
    """A PNG of 40 rows whose data end after some of them."""
    row = b"\0" + bytes(range(0, 120, 3)) * 3
    packer = zlib.compressobj()
    data = packer.compress(row * rows) + packer.flush(zlib.Z_SYNC_FLUSH)
    return files.png(40, 40, data, colour=2)


def test_png_whose_data_end_early():
    """A PNG that lacks its last rows is shown; one that lacks more, or is mixed up, is refused."""
    assert made(stored(38)).pictures[0].width == 40
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    for bad in (stored(20), files.png(40, 40, b"not packed", colour=2), files.png(40, 40, b"x", interlace=1)):
        with pytest.raises(OSError, match="image"):
            made(bad)


def test_other_formats_do_not_open():
    """A file is decoded as what it was probed as, and as nothing else."""
    with pytest.raises(OSError, match="cannot identify"):
        open_as(files.saved("PNG"), "image/gif")


def test_the_decoder_is_asked_twice(monkeypatch):
    """What a decoder claims to have decoded is compared with what it was to decode."""
    monkeypatch.setattr(Image, "open", lambda *_, **__: Image.new("RGB", (1, 1)))
    with pytest.raises(ValueError, match="decoded as None"):
        open_as(files.saved("JPEG"), "image/jpeg")


def test_bombs_are_errors():
    """More pixels than are taken in are an error, also when only the decoder finds them."""
    set_up_decoders(1000)
    try:
        with pytest.raises((Image.DecompressionBombWarning, Image.DecompressionBombError)):
            open_as(files.saved("JPEG", files.picture(50, 50)), "image/jpeg")
    finally:
        set_up_decoders(50_000_000)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"exact": True}),
        ("AVIF", {"quality": 90}),
        ("AVIF", {"subsampling": "4:4:4"}),
        ("HEIF", {}),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_large_pictures(kind, options, mode, monkeypatch):
    """Large pictures are decoded in another way and look the same."""
    if kind == "HEIF":
        pytest.importorskip("pillow_heif")
    picture = files.picture(640, 480, mode)
    content_type = {"WEBP": "image/webp", "AVIF": "image/avif", "HEIF": "image/heic"}[kind]
    data = files.saved(kind, picture, **options)
    usual = first_picture(data, content_type, 60)
    monkeypatch.setattr(large, "_LARGE", 1000)
    special = first_picture(data, content_type, 60)
    assert special.scaled.picture.width < 300
    white = Image.new("RGBA", (60, 45), "white")
    one, other = (
        Image.alpha_composite(white, each.scaled.picture.resize((60, 45)).convert("RGBA")) for each in (usual, special)
    )
    assert max(abs(a - b) for a, b in zip(one.tobytes(), other.tobytes(), strict=True)) < 30


@pytest.mark.parametrize(
    ("decoder", "kind", "content_type"), [(libwebp, "WEBP", "image/webp"), (libavif, "AVIF", "image/avif")]
)
def test_without_the_libraries(decoder, kind, content_type, monkeypatch):
    """Where the library can't be had, or can't read a file, Pillow's own way is taken."""
    monkeypatch.setattr(large, "_LARGE", 1000)
    data = files.saved(kind, files.picture(640, 480))
    assert decoder.decode_scaled(b"rubbish", 10, 10) is None
    monkeypatch.setattr(decoder, "library", lambda _: None)
    assert decoder.decode_scaled(data, 10, 10) is None
    assert first_picture(data, content_type, 60).size == (640, 480)


@pytest.mark.parametrize("limit", [10, 10**9])
def test_first_frame_of_webp(limit, monkeypatch):
    """The first frame of an animation is decoded as the still picture it is, where it fills the canvas."""
    monkeypatch.setattr(large, "_LARGE", limit)
    data = files.animation("WEBP", frames=3)
    at = data.index(b"ANMF") + 8
    narrow = data[: at + 6] + b"\x0f" + data[at + 7 :]
    for each in (data, narrow):
        assert first_picture(each, "image/webp", 60).size == (24, 16)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "JPEG"])
def test_large_pictures_of_other_formats(kind, monkeypatch):
    """Formats that are decoded as they are read need no other way."""
    monkeypatch.setattr(large, "_LARGE", 10)
    assert made(files.saved(kind)).pictures[0].width == 24


def job(data: bytes) -> Job:
    return Job(data, "image/png", 1, VARIANTS, avif=False)


def test_answers(monkeypatch):
    """A child answers with what it made, with a refusal for whatever is raised, or that its memory is at an end."""
    assert isinstance(answer(job(files.saved("PNG"))), Rendered)
    assert isinstance(answer(job(b"rubbish")), Refusal)

    def raises(error):
        def render(_):
            raise error

        return render

    for error in (IndexError("x"), SyntaxError("x"), RuntimeError("x" * 1000), ZeroDivisionError()):
        monkeypatch.setattr("infrastructure.imaging.child.render", raises(error))
        found = answer(job(b""))
        assert isinstance(found, Refusal)
        assert len(found.reason) <= 300
    monkeypatch.setattr("infrastructure.imaging.child.render", raises(MemoryError()))
    assert isinstance(answer(job(b"")), Exhausted)
