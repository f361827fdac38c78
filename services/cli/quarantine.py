"""`chitram quarantine`: shows events that were given up, and has them tried again."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import uuid_utils.compat
from rich.table import Table

from deploy.local.trouble import Trouble
from infrastructure.postgres.quarantine import Quarantine, Quarantined, Replayed
from services.cli.rooms import Environment, open_primary, operates
from services.cli.telling import console, wide
from services.shared.clock import utc_now

SAID = {
    Replayed.SENT: "will be tried again",
    Replayed.POINTLESS: "has nothing left to do, and is dropped",
    Replayed.UNDECODABLE: "can't be decoded by this release either, and stays",
    Replayed.MISSING: "is not in the quarantine",
}


@operates
async def run(given: Namespace, environment: Environment) -> int:
    """0 when it was done; `replay` gives 1 when one of the events could not be tried again."""
    async with open_primary(environment) as primary:
        shelf = Quarantine(primary, clock=utc_now, new_id=uuid_utils.compat.uuid7)
        match given.action:
            case "list":
                _list(await shelf.select(consumer=given.consumer), as_json=given.json)
                return 0
            case "show":
                _show(await shelf.find(given.id), given.id, as_json=given.json)
                return 0
            case _:
                return await _replay([row.id for row in await shelf.select()] if given.all else given.ids, shelf)


def _list(rows: Sequence[Quarantined], *, as_json: bool) -> None:
    if as_json:
        _print([document(row) for row in rows])
    elif not rows:
        console.print("Nothing was given up.")
    else:
        wide.print(table(rows))


def table(rows: Sequence[Quarantined]) -> Table:
    """One line for each."""
    shown = Table(box=None, pad_edge=False, header_style="")
    for title in ("EVENT", "CONSUMER", "ABOUT", "SINCE", "ATTEMPTS", "REASON"):
        shown.add_column(title)
    for row in rows:
        shown.add_row(
            *(str(row.id), row.consumer, str(row.subject_id or "?"), _time(row.quarantined_at), str(row.attempts)),
            # What went wrong is not ours to format.
            row.reason.partition("\n")[0].replace("[", "\\["),
        )
    return shown


def _show(rows: Sequence[Quarantined], event_id: UUID, *, as_json: bool) -> None:
    if not rows:
        raise Trouble(f"{event_id} is not in the quarantine.", way_out="See what is: chitram quarantine list")
    if as_json:
        _print([document(row) for row in rows])
        return
    for row in rows:
        for name, value in document(row).items():
            told = msgspec.json.format(msgspec.json.encode(value)).decode() if name == "payload" else str(value)
            console.print(f"{name:<15} {told}", markup=False)


async def _replay(ids: Sequence[UUID], shelf: Quarantine) -> int:
    outcomes = []
    for event_id in ids:
        outcomes.append(await shelf.replay(event_id))
        console.print(f"{event_id} {SAID[outcomes[-1]]}", markup=False)
    if not ids:
        console.print("Nothing was given up.")
    return 0 if {Replayed.SENT, Replayed.POINTLESS}.issuperset(outcomes) else 1


def document(row: Quarantined) -> dict[str, Any]:
    """For programs; the payload as JSON where it is some, else as text."""
    fields = msgspec.structs.asdict(row)
    try:
        fields["payload"] = msgspec.json.decode(row.payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        fields["payload"] = row.payload.decode(errors="replace")
    return fields


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _print(value: object) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
