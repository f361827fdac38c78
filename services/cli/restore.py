"""`chitram restore`: puts a backup back into a new system, and tells what the storage lacks."""

from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import msgspec
import uuid_utils.compat

from infrastructure import env
from infrastructure.backups.reading import Backup
from infrastructure.nats.forget import forget, require_no_readers
from infrastructure.postgres.moves import Moves
from infrastructure.postgres.placements import Placements
from infrastructure.postgres.refilling import Refilling
from infrastructure.redis.config import RedisConfig
from infrastructure.redis.flush import flush
from services.cli.backup import PATIENCE
from services.cli.caring import as_json
from services.cli.rooms import (
    Environment,
    open_nats,
    open_primary,
    open_redis,
    open_storage,
    operates,
    services_stopped,
)
from services.cli.stages import Stages
from services.cli.telling import console
from services.shared.clock import utc_now
from services.worker.backup.check import Checked, Finding, Rooms, check
from services.worker.backup.manifest import Manifest
from services.worker.backup.restore import open_manifest, require_possible, restore

TITLES = {"rows": "Putting rows back", "objects": "Reading objects"}

SHOWN = 10_000
"""Findings that a program is given at most; there may be more."""


UNSAFE = """Services must not run before these are found: a worker deletes what the rows don't name.
Add shards that are newer than the backup, bring silent ones back, then: chitram restore DIR --mend
What is lost indeed is left so by: chitram restore DIR --mend --start-anyway"""


class Report(msgspec.Struct, frozen=True):
    """What was found; `made_at` is the moment that the rows are of."""

    backup: Manifest
    checked: Checked
    findings: tuple[Finding, ...]


@operates
async def run(given: Namespace, environment: Environment) -> int:
    """0 when everything is there, 1 when a copy of an object is missing, wrong, or can't be looked at.

    Once the rows are back a stack's services start only when of every object a good copy is named: a sweep would take
    for leftovers what is merely elsewhere. With `start_anyway` the operator says that the rest is lost indeed.
    """
    backup = Backup(given.source)
    manifest = await open_manifest(backup)
    if given.check:
        report = await _check(given, environment, backup, manifest)
    else:
        if not given.mend:
            async with open_database(environment) as database:
                await require_possible(manifest, database=database)
        with services_stopped() as quiet:
            if not given.mend:
                await _restore(environment, backup, manifest)
            quiet.starts = False
            quiet.settle()
            report = await _check(given, environment, backup, manifest)
            quiet.starts = report.checked.is_safe or given.start_anyway
    if given.json:
        as_json(report)
    else:
        _tell(given, report)
    return 0 if report.checked.is_good else 1


@asynccontextmanager
async def open_database(environment: Environment) -> AsyncIterator[Refilling]:
    """The database, whatever its schema is."""
    async with open_primary(environment, required=False, patience=PATIENCE) as primary:
        yield Refilling(primary)


async def _restore(environment: Environment, backup: Backup, manifest: Manifest) -> None:
    async with (
        open_nats(environment) as nats,
        open_redis(environment) as redis,
        open_database(environment) as database,
    ):
        await require_no_readers(nats)
        with Stages(TITLES) as stages:
            await restore(
                backup,
                manifest,
                database=database,
                forget=(partial(forget, nats), partial(flush, redis, env.read(RedisConfig, environment).prefix)),
                hear=stages.hear,
            )


async def _check(given: Namespace, environment: Environment, backup: Backup, manifest: Manifest) -> Report:
    findings: list[Finding] = []

    def told(finding: Finding) -> None:
        if len(findings) < SHOWN:
            findings.append(finding)
        if not given.json:
            _show(finding)

    async with (
        open_primary(environment, required=False) as primary,
        open_storage(environment, primary) as storage,
    ):
        with Stages(TITLES) as stages:
            moves = Moves(primary, clock=utc_now, new_id=uuid_utils.compat.uuid7)
            record = partial(moves.record, discarded=(), not_before=utc_now())
            rooms = Rooms(storage.copies, Placements(primary), record)
            checked = await check(backup, manifest, rooms=rooms, mend=not given.check, told=told, hear=stages.hear)
    return Report(manifest, checked, tuple(findings))


def _show(finding: Finding) -> None:
    then = ", put back" if finding.put_back else ""
    where = f", but good on {finding.elsewhere}" if finding.elsewhere else ""
    console.print(f"{finding.condition}{then}  {finding.key}  on {finding.shard}{where}", markup=False)


def _tell(given: Namespace, report: Report) -> None:
    done = report.checked
    if not (given.check or given.mend):
        console.print(
            f"{report.backup.rows:,} rows are back as they were at {report.backup.made_at:%Y-%m-%d %H:%M:%SZ}."
        )
    console.print(f"{done.objects:,} objects were looked for on their shards.")
    if done.is_good:
        console.print("Every copy is there and right.")
        return
    console.print(
        f"Copies: {done.missing:,} were missing, {done.wrong:,} wrong, {done.silent:,} on shards that don't answer; "
        f"{done.put_back:,} are put back."
    )
    if done.renamed:
        console.print(f"{done.renamed:,} of them are named no more: good copies elsewhere are.")
    if done.lost:
        console.print(f"Of {done.lost:,} objects there is no good copy any more.")
    if done.unsure:
        console.print(f"Of {done.unsure:,} objects no good copy was seen, but not every shard answers.")
    if done.unnamed:
        console.print(f"Of {done.unnamed:,} objects good copies are only where the rows don't name them.")
    if not done.is_safe and not given.check:
        console.print(UNSAFE if not given.start_anyway else "They are taken for lost, as you say.", markup=False)
    if given.check:
        console.print("What has another good copy is repaired by: chitram scrub")
