"""`chitram audit`: who did what."""

import sys
from argparse import Namespace

import msgspec

from contracts.audit import AuditEntry
from infrastructure.postgres.audit import Asked, AuditLog
from services.cli.rooms import Environment, open_primary, operates
from services.cli.telling import console


@operates
async def run(given: Namespace, environment: Environment) -> int:
    """0 when the log could be read, whatever is in it."""
    asked = Asked(
        limit=given.limit,
        image_id=given.image,
        user_id=given.user,
        action=given.action,
        since=given.since,
        until=given.until,
    )
    async with open_primary(environment) as primary:
        entries = await AuditLog(primary).select(asked)
    if given.json:
        sys.stdout.writelines(msgspec.json.encode(entry).decode() + "\n" for entry in entries)
    else:
        for entry in entries:
            console.print(_line(entry), markup=False)
    return 0


def _line(entry: AuditEntry) -> str:
    """One line, which is not broken: ids are there to be copied."""
    subject = entry.image_id or entry.user_id or ""
    details = " ".join(f"{name}={value}" for name, value in entry.details.items())
    origin = f" from {entry.address}" if entry.address else ""
    when = f"{entry.recorded_at:%Y-%m-%d %H:%M:%S}"
    return f"{when}  {entry.action:<24} {subject!s:<36}  by {entry.actor}{origin}  {details}".rstrip()
