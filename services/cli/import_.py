"""`chitram import`: brings people and pictures along from another system."""

import os
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import msgspec
import uuid_utils.compat

from contracts.errors import Refused
from infrastructure import env
from infrastructure.imaging.config import ImagingLimits
from infrastructure.imaging.intake import take_in
from infrastructure.passwords.addresses import read_email
from infrastructure.postgres.accounts import Accounts
from infrastructure.postgres.credentials import Credentials
from infrastructure.postgres.known import Known
from infrastructure.postgres.ledger import Ledger
from infrastructure.postgres.original import Original, open_original
from infrastructure.postgres.primary import Primary
from infrastructure.postgres.shards import newer_than
from infrastructure.scanner.config import OnError, ScannerConfig
from infrastructure.scanner.open import open_scanner
from infrastructure.scanner.scanner import Scanner
from infrastructure.storage.config import StorageConfig
from infrastructure.storage.foreign import open_foreign
from infrastructure.storage.open import Storage
from services.cli.caring import as_json
from services.cli.rooms import Environment, open_primary, open_storage, operates
from services.cli.stages import Stages
from services.cli.telling import console
from services.shared.clock import utc_now
from services.worker.pace import Pace
from services.write.bring.bring_images import BringImage, bring_images
from services.write.bring.bring_users import bring_users
from services.write.bring.report import Problem, Tally
from services.write.config import WriteConfig
from services.write.keep import keep
from services.write.scan import scan

TITLES = {"users": "Bringing people", "images": "Bringing pictures"}

SHOWN = 10_000
"""Problems that a program is given at most; there may be more."""

new_id = uuid_utils.compat.uuid7


class SourceConfig(msgspec.Struct, frozen=True):
    """Where what is imported is, and what opens its bucket: secrets don't belong on a command line."""

    database: str = msgspec.field(name="CHITRAM_IMPORT_DATABASE", default="")
    access_key: str = msgspec.field(name="CHITRAM_IMPORT_S3_ACCESS_KEY", default="")
    secret_key: str = msgspec.field(name="CHITRAM_IMPORT_S3_SECRET_KEY", default="")
    region: str = msgspec.field(name="CHITRAM_IMPORT_S3_REGION", default="us-east-1")
    tls: bool = msgspec.field(name="CHITRAM_IMPORT_S3_TLS", default=False)

    @property
    def keys(self) -> StorageConfig:
        """Those of the bucket."""
        return StorageConfig(access_key=self.access_key, secret_key=self.secret_key, region=self.region, tls=self.tls)


class Report(msgspec.Struct, frozen=True):
    """What became of everything; `complete` when all of it is here."""

    complete: bool
    users: dict[str, int]
    images: dict[str, int]
    retyped: int
    cut: int
    locked: int
    problems: tuple[Problem, ...]


@operates
async def run(given: Namespace, environment: Environment) -> int:
    """0 when everything came, 1 when something didn't."""
    source, tally, problems = env.read(SourceConfig, os.environ), Tally(), list[Problem]()
    address = given.database or source.database
    if not address:
        raise Refused("Say where its database is: --database, or CHITRAM_IMPORT_DATABASE.")

    def told(problem: Problem) -> None:
        if len(problems) < SHOWN:
            problems.append(problem)
        if not given.json:
            console.print(f"{problem.kind} {problem.id}: {problem.outcome}: {problem.reason}", markup=False)

    async with AsyncExitStack() as rooms:
        original = await rooms.enter_async_context(open_original(address))
        primary = await rooms.enter_async_context(open_primary(environment))
        bring = await rooms.enter_async_context(_open_bringing(given, environment, source, primary))
        with Stages(TITLES) as stages:
            step = await _steps(original, stages)
            known = Known(primary)
            await bring_users(
                original=original,
                known=known,
                accounts=_accounts(primary),
                read_email=read_email,
                tally=tally,
                told=told,
                step=step,
            )
            await bring_images(original=original, known=known, bring=bring, tally=tally, told=told, step=step)
    report = Report(
        tally.is_complete,
        dict(tally.users),
        dict(tally.images),
        tally.retyped,
        tally.cut,
        tally.locked,
        tuple(problems),
    )
    if given.json:
        as_json(report)
    else:
        _tell(report)
    return 0 if report.complete else 1


async def _steps(original: Original, stages: Stages) -> Callable[[str], None]:
    totals = dict(zip(TITLES, await original.count(), strict=True))
    return lambda kind: stages.hear(kind, 1, totals[kind])


def _accounts(primary: Primary) -> Accounts:
    return Accounts(primary, Credentials(primary, clock=utc_now, new_id=new_id), clock=utc_now, new_id=new_id)


@asynccontextmanager
async def _open_bringing(
    given: Namespace, environment: Environment, source: SourceConfig, primary: Primary
) -> AsyncIterator[BringImage]:
    """What brings an image along, on the rooms that uploads use. Nobody's rate is charged."""
    config, scanning = env.read(WriteConfig, environment), env.read(ScannerConfig, environment)
    ledger = Ledger(primary, clock=utc_now, new_id=new_id)
    pace = Pace(None if given.rate is None else given.rate * 1e6, clock=time.monotonic)
    async with (
        open_storage(environment, primary) as storage,
        open_foreign(given.storage, source.keys) as files,
        open_scanner(scanning) as scanner,
    ):
        yield BringImage(
            files=files,
            keep=partial(
                keep,
                dedupe=config.dedupe,
                take_in=partial(take_in, limits=env.read(ImagingLimits, environment)),
                charge=_charge_nobody,
                scan=_scan_by(scanner, scanning),
                ready=partial(_follow_shards, storage, primary),
                objects=storage.objects,
                ledger=ledger,
                new_id=new_id,
            ),
            ledger=ledger,
            max_file_size=config.max_file_size,
            keep_metadata=given.keep_metadata,
            spend=pace.spend,
        )


def _scan_by(scanner: Scanner | None, config: ScannerConfig) -> Callable[..., Awaitable[None]]:
    return partial(scan, scanner=scanner, accept_unscanned=config.on_error is OnError.ACCEPT)


async def _charge_nobody(*_: object) -> None:
    return


async def _follow_shards(storage: Storage, primary: Primary) -> None:
    """Nothing is put on a shard that was drained meanwhile."""
    if changed := await newer_than(storage.version, fetch=primary.ask):
        await storage.change(changed)


def _tell(report: Report) -> None:
    for title, counts in (("people", report.users), ("pictures", report.images)):
        found = ", ".join(f"{number:,} {outcome}" for outcome, number in sorted(counts.items()))
        console.print(f"{title}: {found or 'none'}", markup=False)
    if report.retyped:
        console.print(f"{report.retyped:,} pictures are of another type than was claimed; their bytes decide.")
    if report.cut:
        console.print(f"{report.cut:,} pictures have shorter names or fewer tags than before; they are named above.")
    if report.locked:
        console.print(
            f"{report.locked:,} accounts can't be logged in to. A password is set with: chitram users password"
        )
    console.print(
        "Everything came." if report.complete else "What did not come is named above; to try it again, run this again."
    )
