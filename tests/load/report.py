"""The end of a run: a table that can be pasted into a document, and what was missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # to import locust is to have gevent patch this process
    from locust.stats import RequestStats, StatsEntry

P50, P95, ERRORS = 100, 500, 0.01
"""Milliseconds, milliseconds, share of all requests: a run that is past one of them has failed."""


def table(stats: RequestStats) -> str:
    """One line for each route and one for all, in Markdown; times in milliseconds."""
    entries = sorted(stats.entries.values(), key=lambda entry: -entry.num_requests)
    lines = ["", "| route | requests | per s | p50 | p95 | p99 | errors |", "|---|---:|---:|---:|---:|---:|---:|"]
    lines += [_line(entry.name, entry) for entry in entries]
    return "\n".join([*lines, _line("**all**", stats.total), ""])


def missed(stats: RequestStats) -> list[str]:
    """A sentence for each limit that the run is past."""
    total = stats.total
    if not total.num_requests:
        return ["there was no request"]
    p50, p95 = (total.get_response_time_percentile(share) for share in (0.5, 0.95))
    found = []
    if p50 > P50:
        found.append(f"p50 is {p50:.0f} ms, at most {P50} ms are allowed")
    if p95 > P95:
        found.append(f"p95 is {p95:.0f} ms, at most {P95} ms are allowed")
    if total.fail_ratio > ERRORS:
        found.append(f"{total.fail_ratio:.1%} of all requests failed, at most {ERRORS:.0%} may")
    return found


def _line(name: str, entry: StatsEntry) -> str:
    p50, p95, p99 = (entry.get_response_time_percentile(share) for share in (0.5, 0.95, 0.99))
    counts = f"{entry.num_requests:,} | {entry.total_rps:,.1f}"
    return f"| {name} | {counts} | {p50:,.0f} | {p95:,.0f} | {p99:,.0f} | {entry.num_failures:,} |"
