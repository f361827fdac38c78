"""`chitram shards`: the list of shards, and changing it while everything runs."""

import asyncio
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
import uuid_utils.compat
from rich.table import Table

from contracts.shards import Shard, ShardMap, ShardState
from deploy.local import blueprint, facts
from deploy.local.layout import here
from deploy.local.servers import seaweedfs
from deploy.local.trouble import Trouble
from infrastructure import env
from infrastructure.postgres.discarded import Discarded
from infrastructure.postgres.placements import Placements
from infrastructure.postgres.primary import Primary
from infrastructure.postgres.shards import ShardList
from infrastructure.storage.config import StorageConfig, parse
from infrastructure.storage.prove import prove
from services.cli.rooms import Environment, open_primary, open_storage, operates
from services.cli.telling import console
from services.shared.clock import utc_now
from services.worker.care.change_shards import ShardChange, add_shard, change_shard
from services.worker.care.list_shards import ShardReport, Shards, list_shards
from services.worker.care.remove_shard import remove_shard

Action = Callable[[Namespace, Environment, Primary], Awaitable[None]]


@operates
async def run(given: Namespace, environment: Environment) -> int:
    """0 when it is done."""
    actions: dict[str, Action] = {"list": _list, "add": _add, "set": _set, "drain": _drain, "remove": _remove}
    async with open_primary(environment) as primary:
        await actions[given.action](given, environment, primary)
    return 0


def shard_list(primary: Primary) -> ShardList:
    """The list in the database."""
    return ShardList(primary, clock=utc_now, new_id=uuid_utils.compat.uuid7)


async def _list(given: Namespace, environment: Environment, primary: Primary) -> None:
    async with open_storage(environment, primary) as storage:
        found = await list_shards(shard_list=shard_list(primary), storage=storage, placements=Placements(primary))
    if given.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
    else:
        _show(found)


async def _add(given: Namespace, environment: Environment, primary: Primary) -> None:
    url = given.url or await asyncio.to_thread(_new_bucket, given.name)
    shard = parse(f"{given.name}={url}?weight={given.weight}")
    proof = partial(prove, config=env.read(StorageConfig, environment))
    _tell(await add_shard(shard, shard_list=shard_list(primary), prove=proof))
    console.print(f"{given.name} takes new objects. What it should have of the others moves with: chitram rebalance")


async def _set(given: Namespace, environment: Environment, primary: Primary) -> None:
    wanted = {
        "url": given.url and parse(f"{given.name}={given.url}").url,
        "weight": given.weight,
        "state": ShardState.ACTIVE if given.active else None,
    }
    await _change(given.name, ShardChange(**{k: v for k, v in wanted.items() if v is not None}), environment, primary)


async def _drain(given: Namespace, environment: Environment, primary: Primary) -> None:
    await _change(given.name, ShardChange(state=ShardState.DRAINING), environment, primary)
    console.print(f"Nothing new goes to {given.name}. What it has moves with: chitram rebalance")


async def _change(name: str, wanted: ShardChange, environment: Environment, primary: Primary) -> None:
    config = env.read(StorageConfig, environment)
    proof = partial(prove, config=config)
    changed = await change_shard(name, wanted, copies=config.copies, shard_list=shard_list(primary), prove=proof)
    _tell(changed)


async def _remove(given: Namespace, environment: Environment, primary: Primary) -> None:
    async with open_storage(environment, primary) as storage:
        removed = await remove_shard(
            given.name,
            lost=given.lost,
            shard_list=shard_list(primary),
            placements=Placements(primary),
            discarded=Discarded(primary),
            look=lambda name: storage.shards[name].list(),
            clock=utc_now,
        )
    _tell(removed)


def _new_bucket(name: str) -> str:
    """Makes a bucket in the SeaweedFS of this directory's stack and gives its address."""
    known = facts.read_facts(here().facts)
    if known is None:
        raise Trouble(f"Where is {name}?", way_out=f"chitram shards add {name} s3://host:port/bucket")
    server = blueprint.draw(known, facts.credentials(here().credentials), here()).seaweedfs
    seaweedfs.make_buckets(server, (name,))
    return f"s3://{server.endpoint}/{name}"


def _tell(shards: ShardMap) -> None:
    console.print(f"Version {shards.version} of the list: {', '.join(map(_short, shards.shards))}.", markup=False)


def _short(shard: Shard) -> str:
    notes = [f"weight {shard.weight}"] if shard.weight > 1 else []
    notes += ["draining"] if shard.state is ShardState.DRAINING else []
    return f"{shard.name} ({', '.join(notes)})" if notes else shard.name


def _show(found: Shards) -> None:
    table = Table(box=None, pad_edge=False, header_style="")
    for title in ("NAME", "STATE", "BREAKER"):
        table.add_column(title)
    for title in ("WEIGHT", "SHARE", "OBJECTS", "BYTES"):
        table.add_column(title, justify="right")
    table.add_column("WHERE")
    for shard in found.shards:
        table.add_row(*_row(shard))
    console.print(table)
    console.print(f"\nVersion {found.version}")


def _row(shard: ShardReport) -> tuple[str, ...]:
    return (
        *(shard.name, shard.state, shard.breaker, str(shard.weight), f"{shard.share:.1%}"),
        *(f"{shard.objects:,}", f"{shard.bytes / 1e6:,.1f} MB", shard.url),
    )
