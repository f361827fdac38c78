"""Files that are meant to do harm."""

import io
import random
from itertools import islice

import pytest
from PIL import Image

from tests.chaos.hostile import files, gif_bomb, good_files, png_bomb


def test_a_seed_gives_the_same_files_again():
    """So a run that failed can be repeated; another seed gives others."""
    again, other = list(islice(files(random.Random(2)), 50)), list(islice(files(random.Random(3)), 50))
    assert list(islice(files(random.Random(2)), 50)) == again
    assert again != other
    assert len(set(again)) > 45


def test_what_is_changed_was_good():
    """Every file that others are made of can be opened."""
    good = good_files()
    assert len(good) >= 9
    for data in good[:9]:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()


@pytest.mark.parametrize(("bomb", "size"), [(gif_bomb(), (7000, 7000)), (png_bomb(), (60_000, 60_000))])
def test_bombs_are_small_files_that_would_be_large_pictures(bomb, size):
    """Their headers say so."""
    assert len(bomb) < 20_000
    header = bomb[16:24] if bomb.startswith(b"\x89PNG") else bomb[6:10]
    order = "big" if len(header) == 8 else "little"
    half = len(header) // 2
    assert (int.from_bytes(header[:half], order), int.from_bytes(header[half:], order)) == size
