"""`chitram doctor ID`: what has become of an image, wherever something is known of it."""

import asyncio
import hashlib
import json
import sys
import urllib.error
import urllib.request
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import msgspec
import uuid_utils.compat
from rich.table import Table

from contracts.errors import Unavailable
from contracts.images import Image
from infrastructure import env
from infrastructure.nats.holders import Holders
from infrastructure.postgres.config import ReplicaConfig
from infrastructure.postgres.dossier import Record, ReplicaView, select_record, select_views
from infrastructure.postgres.primary import Primary
from infrastructure.postgres.quarantine import Quarantine, Quarantined
from infrastructure.redis.config import RedisConfig
from infrastructure.storage.config import StorageConfig
from services.cli.quarantine import document
from services.cli.rooms import Environment, open_nats, open_primary, open_redis, open_storage, operates
from services.cli.telling import console, errors, wide
from services.shared.clock import utc_now
from services.worker.diagnose import Copy, findings, look_at_copies

ASK_WITHIN = 2.0
"""Seconds that a read service has to answer."""


class Reader(msgspec.Struct, frozen=True):
    """What a read service says of itself and the image; `problem` when it doesn't."""

    address: str
    says: Any = None
    problem: str | None = None


class Diagnosis(msgspec.Struct, frozen=True):
    """Everything that was found. `cache` holds what Redis has; None when it did not answer."""

    image_id: UUID
    findings: tuple[str, ...]
    record: Record
    copies: tuple[Copy, ...]
    quarantine: tuple[dict[str, Any], ...]
    replicas: tuple[ReplicaView, ...]
    readers: dict[str, Reader]
    cache: dict[str, str] | None


@operates
async def run(given: Namespace, environment: Environment) -> int:
    """0 when everything is as it should be, 1 when something was found or there is no such image."""
    with console.status("Asking everywhere ..."):
        found = await _diagnose(given.id, environment, verify=given.verify)
    if given.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
    else:
        _show(found)
    return 1 if found.findings or found.record.image is None else 0


async def _diagnose(image_id: UUID, environment: Environment, *, verify: bool) -> Diagnosis:
    async with open_primary(environment) as primary:
        record = await select_record(primary, image_id)
        shelf = Quarantine(primary, clock=utc_now, new_id=uuid_utils.compat.uuid7)
        given_up = await shelf.select(subject_id=image_id)
        replicas, copies, readers, cache = await asyncio.gather(
            select_views(env.read(ReplicaConfig, environment).replicas, image_id, record.lsn),
            _copies(record.image, environment, primary, verify=verify),
            _readers(image_id, environment),
            _cache(image_id, environment),
        )
    return Diagnosis(
        image_id,
        tuple(_findings(record, copies, given_up, replicas, readers)),
        record,
        copies,
        tuple(document(row) for row in given_up),
        replicas,
        readers,
        cache,
    )


def _findings(
    record: Record,
    copies: Sequence[Copy],
    given_up: Sequence[Quarantined],
    replicas: Sequence[ReplicaView],
    readers: Mapping[str, Reader],
) -> list[str]:
    return findings(
        record.image,
        now=utc_now(),
        copies=copies,
        events=record.events,
        quarantined=given_up,
        replicas=replicas,
        readers={name: reader.problem for name, reader in readers.items() if reader.problem},
    )


async def _copies(image: Image | None, environment: Environment, primary: Primary, *, verify: bool) -> tuple[Copy, ...]:
    if image is None:
        return ()
    config = env.read(StorageConfig, environment)
    async with open_storage(environment, primary) as storage:
        return await look_at_copies(
            image,
            shards=storage.shards,
            ring=storage.ring,
            copies=config.copies,
            digest=(lambda data: hashlib.sha256(data).hexdigest()) if verify else None,
        )


async def _readers(image_id: UUID, environment: Environment) -> dict[str, Reader]:
    """Each read service that holds a lease; none when NATS doesn't tell who does."""
    async with AsyncExitStack() as stack:
        try:
            nats = await stack.enter_async_context(open_nats(environment))
            addresses = await Holders(nats.session(), nats.prefix).addresses()
        except Unavailable as error:
            errors.print(f"Who holds a lease is not known: {error.detail}", markup=False)
            return {}
    asked = (asyncio.to_thread(_ask, address, image_id) for address in addresses.values())
    return dict(zip(addresses, await asyncio.gather(*asked), strict=True))


def _ask(address: str, image_id: UUID) -> Reader:
    if not address.startswith("http://"):
        return Reader(address, problem="it holds a lease and doesn't say where it is")
    url = f"{address}/internal/images/{image_id}"
    try:
        with urllib.request.urlopen(url, timeout=ASK_WITHIN) as answer:  # noqa: S310 - http, as was just seen
            return Reader(address, says=json.load(answer))
    except (OSError, ValueError) as error:
        return Reader(address, problem=f"{url} does not answer: {error}")


async def _cache(image_id: UUID, environment: Environment) -> dict[str, str] | None:
    """The version of the shared view and the position that it is as of; None when Redis doesn't answer."""
    prefix = env.read(RedisConfig, environment).prefix
    async with open_redis(environment) as redis:
        try:
            value = await redis.ask("GET", f"{prefix}:view:{{{image_id}}}")
        except Unavailable:
            return None
    names = ("version", "as_of") if value is not None else ()
    return dict(zip(names, (value or b"").decode(errors="replace").split(":", 2), strict=False))


def _show(found: Diagnosis) -> None:
    image = found.record.image
    if image is None:
        console.print(f"There is no image {found.image_id}: it never was, or it was erased.", markup=False)
    else:
        _show_image(image, found.record)
        _table("copies", found.copies)
    _table("events, newest first", found.record.events)
    _table("replicas", found.replicas)
    for name, reader in found.readers.items():
        console.print(
            f"\n{name}  {reader.address}\n  {json.dumps(reader.says) if reader.says else reader.problem}", markup=False
        )
    cached = "does not answer" if found.cache is None else found.cache or "knows nothing of it"
    console.print(f"\nredis  {cached}", markup=False)
    for row in found.quarantine:
        console.print(f"\nquarantine  {row['id']}  {row['consumer']}: {row['reason']}", markup=False)
    console.print("\n" + ("\n".join(found.findings) or "Everything is as it should be."), markup=False, style="bold")


def _show_image(image: Image, record: Record) -> None:
    blob = image.blob
    for name, value in (
        ("image", image.id),
        ("version", image.version),
        ("status", image.status.value),
        ("visibility", image.visibility.value),
        ("owner", image.owner_id or "nobody"),
        ("created", image.created_at),
        ("changed", image.updated_at),
        ("in the trash", f"since {image.trashed_at}" if image.trashed_at else "no"),
        ("expires", image.expires_at or "never"),
        ("deleted", image.deleted_at or "no"),
        ("blob", f"{blob.id}, of {record.images_of_blob} images"),
        ("bytes", f"{blob.size:,} {blob.content_type}, {blob.width} x {blob.height}, sha256 {blob.sha256}"),
        ("primary", record.lsn),
    ):
        console.print(f"{name:<14}{value}", markup=False)


def _table(title: str, rows: Sequence[msgspec.Struct]) -> None:
    """One line for each struct, a column for each field."""
    console.print(f"\n{title}{'' if rows else ': none'}")
    if not rows:
        return
    table = Table(box=None, pad_edge=False, header_style="")
    for field in rows[0].__struct_fields__:
        table.add_column(field.upper())
    for row in rows:
        table.add_row(*(_cell(value) for value in msgspec.structs.astuple(row)))
    wide.print(table)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).replace("[", "\\[")
