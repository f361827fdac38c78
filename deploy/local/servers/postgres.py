"""PostgreSQL: a primary, and replicas that follow it by streaming."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import msgspec

import infrastructure.postgres
from deploy.local import binaries, unprivileged
from deploy.local.part import NotReady, Part
from deploy.local.ports import HOST
from deploy.local.trouble import Trouble

ROOM = Path(infrastructure.postgres.__file__).parent
MIGRATIONS = ROOM / "migrations"


class Passwords(msgspec.Struct, frozen=True):
    """Of the superuser `postgres`, of the services' role `chitram` and of `replicator`."""

    superuser: str
    services: str
    replication: str


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """One PostgreSQL server. `config` is the file that it is started with, `data` its directory.

    `follows` is the port of the primary that it replicates, None for a primary. `durable=False` is
    for tests: nothing is forced to the disk.
    """

    name: str
    port: int
    data: Path
    config: Path
    passwords: Passwords
    follows: int | None = None
    durable: bool = True

    @property
    def slot(self) -> str:
        """Name of the replication slot that a replica uses at its primary."""
        return self.name.replace("-", "_")

    def url(self, database: str = "chitram", *, user: str = "chitram") -> str:
        """Connection string for the services' role, or for the superuser `postgres`."""
        password = self.passwords.superuser if user == "postgres" else self.passwords.services
        return f"postgresql://{user}:{quote(password, safe='')}@{HOST}:{self.port}/{database}"


def part(server: Server) -> Part:
    """The server as a part. Its data directory has to be made before it starts: `create` or `copy`."""
    command = (binaries.postgres("postgres"), "-D", str(server.data), "-c", f"config_file={server.config}")
    return Part(
        name=server.name,
        command=unprivileged.command(command),
        directory=server.data,
        ports=(server.port,),
        ready=lambda: _ready(server),
        files={server.config: settings(server)},
        unprivileged=True,
        # Fast shutdown: sessions are ended, what is committed is written.
        stop_signal="INT",
        stop_seconds=20,
        stale=("postmaster.pid",),
    )


def settings(server: Server) -> str:
    """Text of the server's configuration file: the room's own and what differs between servers."""
    lines = [
        f"include {_quoted(ROOM / 'postgresql.conf')}",
        f"hba_file = {_quoted(ROOM / 'pg_hba.conf')}",
        f"listen_addresses = {_quoted(HOST)}",
        f"port = {server.port}",
        "unix_socket_directories = ''",
        f"cluster_name = {_quoted(server.name)}",
    ]
    if not server.durable:
        lines += ["fsync = off", "full_page_writes = off"]
    if server.follows:
        source = f"host={HOST} port={server.follows} user=replicator password={server.passwords.replication}"
        lines += [f"primary_conninfo = {_quoted(source + ' application_name=' + server.slot)}"]
        lines += [f"primary_slot_name = {_quoted(server.slot)}"]
    return "\n".join(lines) + "\n"


def create(server: Server) -> None:
    """Makes an empty primary's data directory, unless it is there. Takes half a second."""
    if server.data.exists():
        return
    partial = _empty(server.data)
    password = partial.with_suffix(".password")
    password.write_text(server.passwords.superuser)
    unprivileged.give(password)
    options = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={password}"]
    options += ["--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", "--no-instructions"]
    options += [] if server.durable else ["--no-sync"]
    try:
        _run("initdb", f"--pgdata={partial}", *options)
    finally:
        password.unlink()
    partial.rename(server.data)


def copy(server: Server) -> None:
    """Makes a replica's data directory from its running primary, unless it is there and can still follow."""
    if server.data.exists() and not _left_behind(server):
        return
    shutil.rmtree(server.data, ignore_errors=True)
    partial = _empty(server.data)
    run_sql(
        _primary_of(server),
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = :'slot';",
        slot=server.slot,
    )
    _run(
        "pg_basebackup",
        *(f"--host={HOST}", f"--port={server.follows}", "--username=replicator", "--no-password"),
        *(f"--pgdata={partial}", "--wal-method=stream", "--checkpoint=fast"),
        *("--create-slot", f"--slot={server.slot}"),
        *(() if server.durable else ("--no-sync",)),
        password=server.passwords.replication,
    )
    (partial / "standby.signal").touch()
    unprivileged.give(partial / "standby.signal")
    partial.rename(server.data)


def prepare(primary: Server) -> None:
    """Makes the roles and the database of the services on a running primary, unless they are there."""
    run_sql(primary, preparation(primary.passwords))


def preparation(passwords: Passwords) -> str:
    """A script for psql, as superuser, that makes the roles and the database of the services, unless they are there."""
    return _variables({"services": passwords.services, "replication": passwords.replication}) + _PREPARATION


_PREPARATION = r"""
select format('create role chitram login password %L', :'services')
 where not exists (select from pg_roles where rolname = 'chitram') \gexec
select format('create role replicator login replication password %L', :'replication')
 where not exists (select from pg_roles where rolname = 'replicator') \gexec
select 'create database chitram owner chitram'
 where not exists (select from pg_database where datname = 'chitram') \gexec
"""


def migrate(primary: Server, database: str = "chitram") -> None:
    """Applies the migrations that a database lacks."""
    _finish(
        (binaries.dbmate(), f"--migrations-dir={MIGRATIONS}", "--no-dump-schema", "migrate"),
        {"DATABASE_URL": f"{primary.url(database)}?sslmode=disable"},
    )


def run_sql(server: Server, script: str, database: str = "postgres", **variables: str) -> str:
    """Runs a script of psql as superuser and gives its output, columns separated by `|`.

    `:'name'` in the script stands for the variable `name`, quoted.
    """
    address = (f"--host={HOST}", f"--port={server.port}", "--username=postgres", f"--dbname={database}")
    options = ("--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1")
    return _run("psql", *address, *options, password=server.passwords.superuser, text=_variables(variables) + script)


def _variables(values: Mapping[str, str]) -> str:
    """Between quotes psql takes a backslash for the beginning of something else."""
    return "".join(f"\\set {name} '{_escaped(value)}'\n" for name, value in values.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")


def _primary_of(replica: Server) -> Server:
    if replica.follows is None:
        raise ValueError(f"{replica.name} follows nobody")
    return msgspec.structs.replace(replica, port=replica.follows, follows=None)


def _left_behind(replica: Server) -> bool:
    """Whether the primary has thrown away what the replica would need to catch up."""
    answer = run_sql(
        _primary_of(replica),
        "select count(*) from pg_replication_slots where slot_name = :'slot' and wal_status <> 'lost';",
        slot=replica.slot,
    )
    return answer.strip() != "1"


def _ready(server: Server) -> None:
    asked = subprocess.run(
        (binaries.postgres("pg_isready"), "--quiet", f"--host={HOST}", f"--port={server.port}", "--timeout=1"),
        check=False,
    )
    if asked.returncode != 0:
        raise NotReady(f"no connections are accepted on port {server.port}")


def _empty(data: Path) -> Path:
    """An empty directory beside `data`: it gets that name when it is complete, so a half-made one is never used."""
    partial = data.with_name(f"{data.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, mode=0o700)
    unprivileged.give(partial)
    return partial


def _run(program: str, *arguments: str, password: str = "", text: str = "") -> str:
    command = unprivileged.command((binaries.postgres(program), *arguments))
    return _finish(command, {"PGPASSWORD": password}, text)


def _finish(command: tuple[str, ...], environment: dict[str, str], text: str = "") -> str:
    done = subprocess.run(
        command, env=os.environ | environment, input=text, capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode != 0:
        said = "\n".join(f"    {line}" for line in (done.stdout + done.stderr).splitlines()[-15:])
        raise Trouble(f"{Path(command[0]).name} failed.", log=said)
    return done.stdout


def _quoted(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
