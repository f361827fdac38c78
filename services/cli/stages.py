"""Progress of work that comes in stages."""

from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from services.cli.telling import errors


class Stages:
    """A bar for each stage as soon as something is heard of it, on the terminal only."""

    def __init__(self, titles: dict[str, str]) -> None:
        """What people are told of each stage."""
        self._titles = titles
        self._tasks: dict[str, TaskID] = {}
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(show_speed=False))
        self._progress = Progress(*columns, TimeRemainingColumn(), console=errors, transient=True)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def hear(self, stage: str, advance: int, total: int) -> None:
        """So much more of a stage is done, of so much in all; 0 when that is not known."""
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(self._titles[stage], total=total or None)
        self._progress.advance(self._tasks[stage], advance)
