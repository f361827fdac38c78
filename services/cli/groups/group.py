"""Commands that belong together, on one command line."""

import argparse
from typing import TypeAlias

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - has no public name


class Group:
    """What `chitram --help` shows under one title. The command `name` is run by `services/cli/<name>.py`."""

    def __init__(self, title: str, commands: Subparsers) -> None:
        self._title = title
        self._commands = commands
        self._helps: dict[str, str] = {}

    def add(self, name: str, *, help: str) -> argparse.ArgumentParser:  # noqa: A002 - argparse's own word
        """The parser of a new command."""
        self._helps[name] = help
        return self._commands.add_parser(name, description=f"{help[0].upper()}{help[1:]}.")

    def actions(self, name: str, *, help: str, module: str = "") -> Subparsers:  # noqa: A002 - the same
        """Room for the parts of a command that has several, `chitram NAME ACTION`; the one given is `action`.

        A `module` is named where a file can't be called like the command.
        """
        parser = self.add(name, help=help)
        parser.set_defaults(module=module or name)
        return parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def __str__(self) -> str:
        """The title and a line for each command."""
        return "\n".join((f"{self._title}:", *(f"  {name:<12}{text}" for name, text in self._helps.items())))
