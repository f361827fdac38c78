"""The plot: a bar for each ratio, with its spread, target and wish, in SVG that suits light and dark pages."""

from collections.abc import Iterator, Sequence
from html import escape

from tests.bench.figures import Figure

WIDTH, LEFT, RIGHT, TOP, ROW, BAR, FOOT = 800, 310, 60, 16, 40, 16, 44

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
text.quiet { font-size: 11px; fill: #57606a }
.bar { fill: #2f7d4f } .missed { fill: #b3402a }
.grid { stroke: #d0d7de } .one { stroke: #57606a } .spread { stroke: #24292f; stroke-width: 1.5 }
.target { stroke: #b3402a; stroke-width: 2.5 } .wish { stroke: #9a6700; stroke-width: 2.5; stroke-dasharray: 3 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } text.quiet { fill: #9198a1 }
  .bar { fill: #3fa668 } .missed { fill: #e5534b }
  .grid { stroke: #3d444d } .one { stroke: #9198a1 } .spread { stroke: #e6edf3 }
  .target { stroke: #ff7b72 } .wish { stroke: #d9a441 }
}"""


def draw(figures: Sequence[Figure]) -> str:
    """The plot as SVG."""
    most = 1.05 * max([1.0, *(max(figure.ratio.high, figure.ratio.median) for figure in figures)])
    bottom = TOP + ROW * len(figures)
    parts = [*_axis(most, bottom), *_legend(bottom + FOOT - 10)]
    for number, figure in enumerate(figures):
        parts += _row(figure, TOP + ROW * number, most)
    spoken = "; ".join(f"{figure.name}: {figure.ratio.median:.2f}" for figure in figures)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + FOOT}" role="img"'
    label = f' aria-label="{escape(spoken, quote=True)}">'
    return "\n".join((head + label, f"<style>{STYLE}\n</style>", *parts, "</svg>\n"))


def _axis(most: float, bottom: float) -> Iterator[str]:
    """A line for every quarter; the one at 1 stands out."""
    for quarter in range(int(4 * most) + 1):
        x = _at(quarter / 4, most)
        yield _line("one" if quarter == 4 else "grid", x, TOP - 8, x, bottom)
        yield _text(f"{quarter / 4:g}", x, bottom + 14, "quiet", "middle")


def _row(figure: Figure, top: float, most: float) -> Iterator[str]:
    middle = top + BAR / 2
    ratio, kind = figure.ratio, "missed" if figure.is_missed else "bar"
    end = _at(ratio.median, most)
    yield _text(figure.name, LEFT - 10, middle + 4.5, "", "end")
    yield f'<rect class="{kind}" x="{LEFT}" y="{top}" width="{end - LEFT:.1f}" height="{BAR}" rx="2"/>'
    yield _line("spread", _at(ratio.low, most), middle, _at(ratio.high, most), middle)
    for name, value in (("wish", figure.wish), ("target", figure.target)):
        if value is not None:
            yield _line(name, _at(value, most), top - 5, _at(value, most), top + BAR + 5)
    yield _text(f"{ratio.median:.2f}", WIDTH - 8, middle + 4.5, "", "end")


def _legend(y: float) -> Iterator[str]:
    names = (("spread", "middle half of the rounds"), ("target", "target"), ("wish", "wish"))
    for number, (kind, name) in enumerate(names):
        x = LEFT + (0, 190, 270)[number]
        yield _line(kind, x, y - 4, x + 16, y - 4)
        yield _text(name, x + 22, y, "quiet", "start")


def _at(ratio: float, most: float) -> float:
    return LEFT + ratio / most * (WIDTH - LEFT - RIGHT)


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(text: str, x: float, y: float, kind: str, anchor: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
