"""What an AVIF says about people is blanked where it lies, and not a pixel is touched."""

import struct

import pytest

from contracts.errors import InvalidRequest
from tests import corpus
from tests.unit.imaging import files
from tests.unit.imaging.stripping import camera, decoded, stripped


@pytest.mark.parametrize("kind", [b"uuid", b"free", b"skip", b"jumb"])
def test_avif_boxes(kind):
    """Boxes that no picture needs are blanked where they lie."""
    data = files.saved("AVIF") + files.box(kind, b"secret")
    kept = stripped(data, "image/avif")
    assert len(kept) == len(data)
    assert b"secret" not in kept
    assert decoded(kept) == decoded(data)


def test_avif_unused_bytes():
    """Bytes beside the pictures' own are blanked."""
    data = files.saved("AVIF")
    at = data.index(b"mdat")
    size = len(data) - at + 4
    told = data[: at - 4] + struct.pack(">I", size + 6) + data[at:] + b"secret"
    assert b"secret" not in stripped(told, "image/avif")


def test_avif_film_times():
    """When a film was written is nobody's business."""
    data = files.animation("AVIF", exif=camera(1), xmp=b"secret")
    kept = stripped(data, "image/avif")
    at = kept.index(b"mvhd")
    assert not any(kept[at + 8 : at + 24])
    assert b"secret" not in kept
    assert b"SERIAL" not in kept
    assert decoded(kept) == decoded(data)


@pytest.mark.parametrize("kind", [b"udta", b"uuid"])
def test_avif_film_user_data(kind):
    """A film's user data go, too."""
    data = files.animation("AVIF")
    at = data.index(b"mvhd")
    told = data[:at] + kind + data[at + 4 :]
    assert kind not in stripped(told, "image/avif")


def test_avif_descriptions():
    """An item's description and times are properties; they go."""
    data = files.saved("AVIF")
    told = data.replace(b"pixi", b"udes")
    assert b"udes" not in stripped(told, "image/avif")


def test_avif_item_that_claims_to_be_the_file():
    """An item that says it lies where the file's structure is can't have that blanked."""
    data = files.saved("AVIF", exif=camera(1))
    at = data.index(b"iloc") + 12 + 14 + 6
    told = data[:at] + struct.pack(">II", 0, len(data)) + data[at + 8 :]
    assert decoded(stripped(told, "image/avif")) == decoded(data)


@pytest.mark.parametrize("kind", [b"xml ", b"bxml", b"uuid", b"ilst", b"keys", b"free"])
def test_avif_words_beside_the_items(kind):
    """Whatever stands in the box of metadata and describes no item is blanked."""
    data, words = files.saved("AVIF"), b"somebody's own words"
    box = struct.pack(">I4s", 8 + len(words), kind) + words
    at, picture = data.index(b"meta") - 4, data.index(b"mdat") + 4
    end = at + int.from_bytes(data[at : at + 4], "big")
    moved = data[at + 4 : end].replace(struct.pack(">I", picture), struct.pack(">I", picture + len(box)))
    told = data[:at] + struct.pack(">I", end - at + len(box)) + moved + box + data[end:]
    clean = stripped(told, "image/avif")
    assert words not in clean
    assert decoded(clean) == decoded(told) == decoded(data)


def test_avif_items_in_a_box_that_is_missing():
    """An item in a data box that isn't there is an error."""
    known = {row.file: row for row in corpus.rows("ready")}
    if not known:
        pytest.skip("needs the corpus")
    data = known["avif/draw_points_idat.avif"].data
    with pytest.raises(InvalidRequest):
        stripped(data.replace(b"idat", b"none"), "image/avif")
