"""Databases and buckets that one test after the other has for itself.

Making a database takes PostgreSQL and its replica a quarter of a second, emptying one a tenth of that; with buckets it
is the same. So what a test gives back is emptied and lent again. A database that has another shape than it began
with, because the test changed a table, is dropped instead.
"""

import contextlib
import secrets
from collections import deque
from collections.abc import Iterator

import msgspec

from deploy.local.servers import postgres, seaweedfs
from deploy.local.trouble import Trouble

TEMPLATE = "migrated"
"""The database whose copies tests have: it has all migrations."""

BUCKETS = 4
"""So many has a test."""

REST = 3
"""Sets of buckets that wait before the first of them is lent again: a put that nobody waited for may come late."""

SHAPE = """
SELECT md5(string_agg(line, E'\\n' ORDER BY line)) FROM (
    SELECT format('%s %s %s %s', relname, relkind, reloptions, relacl) AS line
    FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('%s %s %s %s %s', attrelid::regclass, attname, atttypid, attnotnull, attisdropped)
    FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('%s %s', conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('%s %s', proname, prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('%s %s', indexrelid::regclass, indisvalid)
    FROM pg_index JOIN pg_class ON indexrelid = pg_class.oid WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('%s %s %s', tgname, tgenabled, tgrelid::regclass) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT format('%s %s', setrole, setconfig)
    FROM pg_db_role_setting JOIN pg_database ON setdatabase = pg_database.oid WHERE datname = current_database()
    UNION ALL
    SELECT version FROM schema_migrations
) AS lines;
"""
"""Everything of a database that is not its rows, in one word."""

ROWS = """
SELECT format('SELECT %L, json_agg(t) FROM %I AS t;', relname, relname)
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'schema_migrations'
AND pg_relation_size(oid) > 0
\\gexec
"""
"""The rows that migrations have put in, as `table|[...]` a line."""

EMPTY = """
SET client_min_messages = warning;
SET session_replication_role = replica;
SELECT count(pg_terminate_backend(pid, 10000))
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
\\g /dev/null
SELECT format('TRUNCATE %s RESTART IDENTITY CASCADE;', string_agg(oid::regclass::text, ', '))
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'schema_migrations'
AND pg_relation_size(oid) > 0
HAVING count(*) > 0
\\gexec
SELECT format('ALTER SEQUENCE %s RESTART;', oid::regclass)
FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'
\\gexec
"""
"""Ends all sessions and removes all rows, also those that a trigger keeps: as a replica it has none."""

CAUGHT_UP = """
SET statement_timeout = '60s';
DO $$ BEGIN WHILE pg_last_wal_replay_lsn() < '{position}' LOOP PERFORM pg_sleep(0.003); END LOOP; END $$;
"""

ALONE = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = '{name}' AND backend_type = 'client backend'
\\g /dev/null
"""


class Cluster(msgspec.Struct, frozen=True):
    """A primary and its replica; `url(database, user=...)` of each is a connection string."""

    primary: postgres.Server
    replica: postgres.Server


class Database(msgspec.Struct, frozen=True):
    """A migrated database: its name, and its connection strings for the services' role."""

    name: str
    primary: str
    replicas: tuple[str, ...]


class Databases:
    """Copies of `TEMPLATE` in a cluster. Those of one process: another has its own."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._idle: list[str] = []
        self._shape = ""
        self._refill = ""

    @contextlib.contextmanager
    def lend(self) -> Iterator[Database]:
        """One without rows but those of the migrations, on the replica too."""
        name = self._idle.pop() if self._idle else self._make()
        yield Database(name, self._cluster.primary.url(name), (self._cluster.replica.url(name),))
        self._take_back(name)

    def _make(self) -> str:
        name = f"t_{secrets.token_hex(6)}"
        script = f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER chitram; SELECT pg_current_wal_lsn();"
        wait_for_replica(self._cluster.replica, postgres.run_sql(self._cluster.primary, script))
        if not self._shape:
            self._shape = postgres.run_sql(self._cluster.primary, SHAPE, name)
            rows = postgres.run_sql(self._cluster.primary, ROWS, name).splitlines()
            self._refill = "".join(_insert(*line.split("|", 1)) for line in rows)
        return name

    def _take_back(self, name: str) -> None:
        if not self._is_as_made(name):
            postgres.run_sql(self._cluster.primary, f"DROP DATABASE {name} WITH (FORCE);")
            return
        position = postgres.run_sql(self._cluster.primary, f"{EMPTY}{self._refill}SELECT pg_current_wal_lsn();", name)
        wait_for_replica(self._cluster.replica, position, first=ALONE.format(name=name))
        self._idle.append(name)

    def _is_as_made(self, name: str) -> bool:
        try:
            return postgres.run_sql(self._cluster.primary, SHAPE, name) == self._shape
        except Trouble:  # it lacks what every migrated database has
            return False


class Buckets:
    """Sets of buckets of a SeaweedFS server."""

    def __init__(self, server: seaweedfs.Server) -> None:
        self._server = server
        self._idle: deque[tuple[str, ...]] = deque()

    @contextlib.contextmanager
    def lend(self) -> Iterator[tuple[str, ...]]:
        """Names of empty ones."""
        if len(self._idle) > REST:
            names = self._idle.popleft()
            for name in names:
                seaweedfs.empty_bucket(self._server, name)
        else:
            word = secrets.token_hex(6)
            names = tuple(f"t-{word}-{number}" for number in range(1, BUCKETS + 1))
            seaweedfs.make_buckets(self._server, names)
        yield names
        self._idle.append(names)


def wait_for_replica(replica: postgres.Server, position: str, *, first: str = "") -> None:
    """Returns when a replica has replayed up to a position. It runs a script `first`."""
    postgres.run_sql(replica, first + CAUGHT_UP.format(position=position.strip()))


def _insert(table: str, rows: str) -> str:
    quoted = rows.replace("'", "''")
    return f"INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, '{quoted}');\n"  # noqa: S608 - the tables of our own migrations
