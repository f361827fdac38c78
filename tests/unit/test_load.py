"""What `make load` uploads, and how it judges."""

import io
from types import SimpleNamespace

from PIL import Image

from tests.load.pictures import Album, draw
from tests.load.report import missed, table


def entry(name="GET /x", *, requests=1000, failures=0, p50=20, p95=200, p99=300):
    times = {0.5: p50, 0.95: p95, 0.99: p99}
    return SimpleNamespace(
        name=name,
        num_requests=requests,
        num_failures=failures,
        fail_ratio=failures / requests if requests else 0,
        total_rps=requests / 60,
        get_response_time_percentile=times.__getitem__,
    )


def run(total):
    return SimpleNamespace(entries={"x": total}, total=total)


def test_a_run_within_the_limits_has_missed_nothing():
    """At the limits themselves it still passes."""
    assert missed(run(entry(p50=100, p95=500, failures=10))) == []


def test_each_limit_that_is_missed_is_named():
    """Median, slow end, errors; and a run without any request proves nothing."""
    sentences = missed(run(entry(p50=101, p95=501, failures=11)))
    assert [sentence.split()[0] for sentence in sentences] == ["p50", "p95", "1.1%"]
    assert missed(run(entry(requests=0))) == ["there was no request"]


def test_the_table_has_a_line_for_each_route_and_one_for_all():
    """In Markdown, ready to be pasted."""
    lines = table(run(entry("GET /x", requests=6000, failures=3))).strip().splitlines()
    assert lines[2] == "| GET /x | 6,000 | 100.0 | 20 | 200 | 300 | 3 |"
    assert lines[3].startswith("| **all** | 6,000 |")
    assert len({line.count("|") for line in lines}) == 1


def test_an_album_gives_a_different_picture_each_time(tmp_path):
    """All of them can be decoded, at the size that was asked for."""
    draw(tmp_path, (320, 240), different=1)
    photos = {Album(tmp_path, (320, 240)).photo() for _ in range(50)}
    assert len(photos) == 50
    for photo in photos:
        with Image.open(io.BytesIO(photo)) as picture:
            picture.load()
            assert picture.size == (320, 240)
