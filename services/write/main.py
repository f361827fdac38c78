"""The write service's composition root: opens the rooms in order, binds them to the use cases, serves.

Run as `python -m services.write.main`.
"""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

import uuid_utils.compat
from litestar.types import ASGIApp
from msgspec import Struct

from infrastructure import env
from infrastructure.cdn.config import CdnConfig
from infrastructure.cdn.open import open_cdn
from infrastructure.imaging.config import ImagingLimits
from infrastructure.imaging.intake import take_in
from infrastructure.nats.audience import open_audience
from infrastructure.nats.config import NatsConfig
from infrastructure.nats.connection import Connection, open_nats
from infrastructure.nats.tail import follow
from infrastructure.passwords.addresses import email_key, read_email
from infrastructure.passwords.config import PasswordConfig
from infrastructure.passwords.hasher import Hasher, open_hasher
from infrastructure.postgres.accounts import Accounts
from infrastructure.postgres.config import PrimaryConfig
from infrastructure.postgres.credentials import Credentials
from infrastructure.postgres.departures import Departures
from infrastructure.postgres.ledger import Ledger
from infrastructure.postgres.primary import Primary, open_primary
from infrastructure.postgres.shards import ShardList
from infrastructure.redis.client import open_client
from infrastructure.redis.config import RedisConfig
from infrastructure.redis.limiter import Limiter
from infrastructure.scanner.config import OnError, ScannerConfig
from infrastructure.scanner.open import open_scanner
from infrastructure.scanner.scanner import Scanner
from infrastructure.storage.config import StorageConfig, first_map
from infrastructure.storage.open import Storage, open_storage
from services.shared.apps import observed_app
from services.shared.bounds import Bounds
from services.shared.clock import utc_now
from services.shared.health import Dependency, holds
from services.shared.links import PURPOSE, Links
from services.shared.principals import identifier, located
from services.shared.public import PublicConfig
from services.shared.rates import RateConfig
from services.shared.running import background, run
from services.shared.secret_keys import SecretsConfig, SigningKeys
from services.shared.shards import SHARD_EVENTS, ShardFollower, first_shards, following
from services.shared.throttle import Throttles, throttled, throttles
from services.shared.tokens import new_token
from services.shared.usage import UsageLog
from services.write.admit import admit
from services.write.attempts import LocalAttempts, SharedAttempts
from services.write.change import change
from services.write.change_password import change_password
from services.write.config import AccountsConfig, GateConfig, WriteConfig
from services.write.delete import delete
from services.write.gate import Gate
from services.write.http.accounts import AccountCases
from services.write.http.app import routes
from services.write.http.images import ImageCases
from services.write.http.keys import KeyCases
from services.write.http.links import LinkCases
from services.write.http.sessions import SessionCases
from services.write.http.uploads import UploadCases
from services.write.keep import Keep, keep
from services.write.leave import leave
from services.write.log_in import LoginLimits, log_in
from services.write.log_out import log_out
from services.write.make_key import make_key
from services.write.make_link import make_link
from services.write.ownership import new_delete_token
from services.write.ports import Settle
from services.write.purge import settle_and_purge
from services.write.register import register
from services.write.restore import restore
from services.write.revoke_key import revoke_key
from services.write.revoke_links import revoke_links
from services.write.scan import scan
from services.write.settle import settle
from services.write.upload import upload


@asynccontextmanager
async def open_app() -> AsyncIterator[ASGIApp]:
    """The application, with everything that it stands on open for as long as the block runs."""
    config = env.read(WriteConfig)
    people = env.read(AccountsConfig)
    async with AsyncExitStack() as rooms:
        primary = await rooms.enter_async_context(open_primary(env.read(PrimaryConfig)))
        storage, shards = await rooms.enter_async_context(_sharded(primary))
        nats = await rooms.enter_async_context(
            open_nats(env.read(NatsConfig), consumers=(), within=1.0, required=False)
        )
        await rooms.enter_async_context(
            follow(nats, lambda heard: shards.hear(heard.event), types=SHARD_EVENTS, within=1.0, required=False)
        )
        settling = await rooms.enter_async_context(_settling(nats))
        redis = env.read(RedisConfig)
        limiter = Limiter(await rooms.enter_async_context(open_client(redis)), redis.prefix)
        rates = throttles(env.read(RateConfig), limiter=limiter, clock=time.monotonic)
        scanner = await rooms.enter_async_context(open_scanner(env.read(ScannerConfig)))
        passwords = rooms.enter_context(open_hasher(env.read(PasswordConfig)))
        ledger = Ledger(primary, clock=utc_now, new_id=uuid_utils.compat.uuid7)
        credentials = Credentials(primary, clock=utc_now, new_id=uuid_utils.compat.uuid7)
        departures = Departures(primary, clock=utc_now, new_id=uuid_utils.compat.uuid7)
        account_rooms = _AccountRooms(
            Accounts(primary, credentials, clock=utc_now, new_id=uuid_utils.compat.uuid7),
            credentials,
            passwords,
            SharedAttempts(limiter, meanwhile=LocalAttempts(clock=time.monotonic)),
        )
        keeping = _keeping(rates, scanner, shards, storage, ledger)
        usage = UsageLog()
        await rooms.enter_async_context(background(usage.keep_telling(credentials.touch)))
        yield observed_app(
            routes(
                identify=throttled(located(identifier(credentials.select, usage=usage, clock=utc_now)), rates.changes),
                uploads=_upload_cases(config, people, rates, keeping, ledger),
                images=_image_cases(config, ledger, settling),
                accounts=_account_cases(people, account_rooms, departures, settling),
                sessions=_session_cases(people, account_rooms, settling),
                keys=_key_cases(credentials, settling),
                links=_link_cases(ledger, settling),
                dependencies=_dependencies(primary, nats, storage, scanner),
                storage=storage,
            )
        )


@asynccontextmanager
async def _sharded(primary: Primary) -> AsyncIterator[tuple[Storage, ShardFollower]]:
    """The storage, with the list of shards as the primary has it, and what keeps the two in step."""
    shard_list = ShardList(primary, clock=utc_now, new_id=uuid_utils.compat.uuid7)
    config = env.read(StorageConfig)
    first = await first_shards(partial(first_map, config), shard_list=shard_list)
    async with open_storage(config, first) as storage, following(shard_list.newer_than, storage) as shards:
        yield storage, shards


@asynccontextmanager
async def _settling(nats: Connection) -> AsyncIterator[Settle]:
    """What makes a change final: among the read services, and in the caches before the gateway if there are any."""
    caches = env.read(CdnConfig)
    async with open_audience(nats) as audience, open_cdn(caches) as cdn:
        settling = partial(settle, audience=audience, lease=env.read(Bounds).lease)
        if cdn is None:
            yield settling
        else:
            yield partial(
                settle_and_purge, settle=settling, purge=cdn.purge, window=caches.window, patience=caches.patience
            )


def _keeping(
    rates: Throttles, scanner: Scanner | None, shards: ShardFollower, storage: Storage, ledger: Ledger
) -> Keep:
    accept_unscanned = env.read(ScannerConfig).on_error is OnError.ACCEPT
    return partial(
        keep,
        dedupe=env.read(WriteConfig).dedupe,
        take_in=partial(take_in, limits=env.read(ImagingLimits)),
        charge=rates.megapixels,
        scan=partial(scan, scanner=scanner, accept_unscanned=accept_unscanned),
        ready=shards.refresh,
        objects=storage.objects,
        ledger=ledger,
        new_id=uuid_utils.compat.uuid7,
    )


def _upload_cases(
    config: WriteConfig, people: AccountsConfig, rates: Throttles, keeping: Keep, ledger: Ledger
) -> UploadCases:
    gate = env.read(GateConfig)
    return UploadCases(
        admit=partial(admit, anonymous=people.anonymous_uploads, uploads=rates.uploads),
        upload=partial(
            upload,
            keep=keeping,
            ledger=ledger,
            clock=utc_now,
            new_id=uuid_utils.compat.uuid7,
            new_token=new_delete_token,
            anonymous_expiry=people.anonymous_expiry,
        ),
        gate=Gate(uploads=gate.uploads, size=gate.size),
        max_file_size=config.max_file_size,
        origin=env.read(PublicConfig).origin,
    )


def _image_cases(config: WriteConfig, ledger: Ledger, settling: Settle) -> ImageCases:
    trash = timedelta(seconds=config.trash)
    return ImageCases(
        change=partial(change, ledger=ledger, settle=settling, clock=utc_now),
        delete=partial(delete, trash=trash, ledger=ledger, settle=settling, clock=utc_now),
        restore=partial(restore, ledger=ledger, clock=utc_now),
        clock=utc_now,
        origin=env.read(PublicConfig).origin,
    )


class _AccountRooms(Struct, frozen=True):
    """What everything about people stands on."""

    accounts: Accounts
    credentials: Credentials
    passwords: Hasher
    attempts: SharedAttempts


def _account_cases(
    config: AccountsConfig, rooms: _AccountRooms, departures: Departures, settling: Settle
) -> AccountCases:
    limits = LoginLimits(config.logins, config.network_logins)
    return AccountCases(
        register=partial(
            register,
            read_email=read_email,
            passwords=rooms.passwords,
            accounts=rooms.accounts,
            attempts=rooms.attempts,
            most_an_hour=config.registrations,
            quota=config.quota,
            clock=utc_now,
            new_id=uuid_utils.compat.uuid7,
        ),
        change_password=partial(
            change_password,
            passwords=rooms.passwords,
            accounts=rooms.accounts,
            attempts=rooms.attempts,
            limits=limits,
            settle=settling,
        ),
        leave=partial(
            leave,
            passwords=rooms.passwords,
            accounts=rooms.accounts,
            departures=departures,
            attempts=rooms.attempts,
            limits=limits,
            settle=settling,
            clock=utc_now,
            new_id=uuid_utils.compat.uuid7,
        ),
    )


def _session_cases(config: AccountsConfig, rooms: _AccountRooms, settling: Settle) -> SessionCases:
    return SessionCases(
        log_in=partial(
            log_in,
            email_key=email_key,
            passwords=rooms.passwords,
            accounts=rooms.accounts,
            credentials=rooms.credentials,
            attempts=rooms.attempts,
            limits=LoginLimits(config.logins, config.network_logins),
            lifetime=timedelta(seconds=config.session_seconds),
            clock=utc_now,
            new_id=uuid_utils.compat.uuid7,
            new_token=new_token,
        ),
        log_out=partial(log_out, credentials=rooms.credentials, settle=settling),
    )


def _key_cases(credentials: Credentials, settling: Settle) -> KeyCases:
    return KeyCases(
        make_key=partial(
            make_key, credentials=credentials, clock=utc_now, new_id=uuid_utils.compat.uuid7, new_token=new_token
        ),
        revoke_key=partial(revoke_key, credentials=credentials, settle=settling),
        clock=utc_now,
    )


def _link_cases(ledger: Ledger, settling: Settle) -> LinkCases:
    links = Links(SigningKeys(env.read(SecretsConfig), PURPOSE), env.read(PublicConfig).origin)
    return LinkCases(
        make_link=partial(make_link, ledger=ledger, sign=links.make, clock=utc_now),
        revoke_links=partial(revoke_links, ledger=ledger, settle=settling, clock=utc_now),
    )


def _dependencies(
    primary: Primary, nats: Connection, storage: Storage, scanner: Scanner | None
) -> tuple[Dependency, ...]:
    """What health looks at."""
    return (
        Dependency("postgres primary", primary.ping),
        Dependency("nats", holds(lambda: nats.is_connected), essential=False),
        Dependency("storage", holds(lambda: storage.objects.is_writable)),
        *([Dependency("scanner", scanner.ping, essential=False)] if scanner else ()),
    )


if __name__ == "__main__":
    run(open_app)
