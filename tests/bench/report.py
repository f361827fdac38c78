"""The document: a table, a plot, and how it all came about."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.bench import delivery, metadata, plot, upload
from tests.bench.figures import Figure, Side
from tests.bench.stats import Spread

TEMPLATE = Path(__file__).parent / "template.md"
DOCUMENT = Path("docs/benchmarks.md")
PLOT = Path("docs/benchmarks.svg")


def write(figures: Sequence[Figure], machine: Mapping[str, str], files: int) -> None:
    """Writes the document and its plot below the working directory."""
    text = TEMPLATE.read_text()
    values = {
        "figures": figures_table(figures),
        "rounds": rounds_table(figures),
        "machine": table(("", ""), machine.items()),
        "images": f"{metadata.IMAGES:,}",
        "files": str(files),
        "parallel": str(upload.PARALLEL),
        "file_cost": file_cost(figures),
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    DOCUMENT.write_text(text)
    PLOT.write_text(plot.draw(figures))


def figures_table(figures: Iterable[Figure]) -> str:
    """One line for each figure."""
    rows = [
        (
            figure.name,
            figure.against,
            f"**{figure.ratio.median:.2f}**",
            _range(figure.ratio),
            f"{figure.by_clock.median:.2f}" if figure.by_clock else "",
            _limit(figure.target),
            _limit(figure.wish),
        )
        for figure in figures
    ]
    return table(("figure", "against", "ratio", "spread", "by the clock", "target", "wish"), rows)


def rounds_table(figures: Iterable[Figure]) -> str:
    """One line for each side of each figure."""
    rows = [(figure.name, *_side(side)) for figure in figures for side in figure.sides]
    remarks = [f"\n{figure.name}: {remark}" for figure in figures for remark in figure.remarks]
    return "\n".join([table(("figure", "side", "per second", "CPU each", "median", "p99"), rows), *remarks])


def file_cost(figures: Iterable[Figure]) -> str:
    """CPU of a file with its decision, against CPU of one without."""
    for figure in figures:
        if figure.name == delivery.NAME:
            ours, baseline = (1e6 * sum(side.summary.cpu.values()) for side in figure.sides)
            return f"{ours:.0f} µs against {baseline:.0f} µs, {baseline / ours:.2f}"
    return "not measured"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _side(side: Side) -> tuple[str, ...]:
    found = side.summary
    return (
        side.name,
        f"{found.rate.median:,.0f} ({found.rate.low:,.0f} to {found.rate.high:,.0f})",
        ", ".join(f"{name} {_duration(seconds)}" for name, seconds in found.cpu.items()),
        _duration(found.p50),
        _duration(found.p99),
    )


def _range(spread: Spread) -> str:
    return f"{spread.low:.2f} to {spread.high:.2f}" if spread.low < spread.high else ""


def _limit(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _duration(seconds: float) -> str:
    return f"{1e6 * seconds:.0f} µs" if seconds < 1e-3 else f"{1e3 * seconds:.1f} ms"
