"""What a stack is: how many of each service, and which ports; kept between starts, with its secrets."""

import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from deploy.local import ports
from deploy.local.trouble import Trouble

S = TypeVar("S")

SERVICES = ("write", "read", "worker")
MOST = 32
"""Processes of one kind; more than any one machine has a use for."""


class Counts(msgspec.Struct, frozen=True):
    """How many processes of each service."""

    read: int = 3
    write: int = 1
    worker: int = 1


class Facts(msgspec.Struct, frozen=True):
    """One stack. `port` is the public one, `ports` all others by what listens there.

    `settings` are the variables `CHITRAM_...` that were set when it was started; every service gets them,
    with every later start too, until one sets them otherwise.
    """

    counts: Counts = Counts()
    port: int = 8080
    ports: dict[str, int] = {}
    settings: dict[str, str] = {}


class Credentials(msgspec.Struct, frozen=True):
    """Passwords and keys of one stack; `signing` is what the services sign with."""

    postgres_superuser: str
    postgres_services: str
    postgres_replication: str
    redis: str
    nats: str
    s3_access_key: str
    s3_secret_key: str
    signing: str


def names(counts: Counts) -> list[str]:
    """Names of the services' processes: `write-1`, `read-1`, ..."""
    return [f"{kind}-{number}" for kind in SERVICES for number in range(1, getattr(counts, kind) + 1)]


def settle_ports(facts: Facts, wanted: Iterable[str], is_free: Callable[[int], bool] = ports.is_free) -> Facts:
    """The same facts with a port for each name in `wanted`: the remembered one if it can still be had, else another.

    May try to listen on many ports; `is_free` is asked for those that are remembered.
    """
    remembered = {name: facts.ports[name] for name in wanted if name in facts.ports}
    known = {name: port for name, port in remembered.items() if port != facts.port and is_free(port)}
    missing = [name for name in wanted if name not in known]
    chosen = ports.choose(len(missing), avoid={facts.port, *facts.ports.values()}, keep=known.values())
    return msgspec.structs.replace(facts, ports=known | dict(zip(missing, chosen, strict=True)))


def read_facts(file: Path) -> Facts | None:
    """What was written there, None when nothing was. Raises `Trouble` for what nobody can have written."""
    return _read(file, Facts) if file.exists() else None


def _read(file: Path, kind: type[S]) -> S:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except msgspec.MsgspecError as error:
        raise Trouble(
            f"{file} is damaged: {error}", way_out="Restore it, or start afresh: chitram down --purge"
        ) from None


def write_private(file: Path, value: msgspec.Struct) -> None:
    """Writes a struct that only its owner may read, all of it or nothing."""
    aside = file.with_suffix(".new")
    aside.unlink(missing_ok=True)
    aside.touch(mode=0o600)
    aside.write_bytes(msgspec.json.format(msgspec.json.encode(value)))
    aside.replace(file)


def credentials(file: Path, new: Callable[[], str] = lambda: secrets.token_hex(16)) -> Credentials:
    """The credentials kept in `file`; random ones are made, once, for those that are not there."""
    known = _read(file, dict[str, str]) if file.exists() else {}
    missing = [name for name in Credentials.__struct_fields__ if name not in known]
    if missing:
        write_private(file, Credentials(**{**known, **{name: new() for name in missing}}))
    return _read(file, Credentials)
