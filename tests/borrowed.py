"""Databases and buckets that one test after the other has for itself.

Making a database takes PostgreSQL and its replica a quarter of a second, emptying one a tenth of that; with buckets it
is the same. So what a test gives back is emptied and lent again. A database that has another shape than it began
with, because the test changed a table, is dropped instead.
"""

import contextlib
import secrets
import time
from collections import deque
from collections.abc import Iterator

import msgspec

from deploy.local.servers import postgres, seaweedfs
from deploy.local.trouble import Trouble

TEMPLATE = "migrated"
"""The database whose copies tests have: it has all migrations."""

BUCKETS = 4
"""So many has a test."""

REST = 10.0
"""Seconds before buckets are lent again: a put that nobody waited for may come late."""

ALONE = """
SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
WHERE datname = '{name}' AND pid <> pg_backend_pid() AND backend_type = 'client backend'
\\g /dev/null
"""

SHAPE = """
SELECT md5(string_agg(line, E'\\n' ORDER BY line)) FROM (
    SELECT format('%s %s %s %s %s', relname, relkind, relpersistence, reloptions, relacl) AS line
    FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT format(
        '%s %s %s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
        pg_get_expr(adbin, adrelid)
    )
    FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('%s %s', conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind IN ('f', 'p')
    UNION ALL
    SELECT format('%s %s', pg_get_indexdef(indexrelid), indisvalid)
    FROM pg_index JOIN pg_class ON indexrelid = pg_class.oid WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('%s %s', pg_get_triggerdef(oid), tgenabled) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT format('%s %s', setrole, setconfig)
    FROM pg_db_role_setting JOIN pg_database ON setdatabase = pg_database.oid WHERE datname = current_database()
    UNION ALL
    SELECT format('%s %s', nspname, nspacl) FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)'
    UNION ALL
    SELECT extname FROM pg_extension
    UNION ALL
    SELECT version FROM schema_migrations
) AS lines;
"""
"""What migrations make of a database, in one word."""

ROWS = """
SELECT format('SELECT %L, jsonb_agg(t) FROM %I AS t HAVING count(*) > 0;', relname, relname)
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'schema_migrations'
\\gexec
"""
"""The rows that migrations have put in, as `table|[...]` a line."""

EMPTY = """
SET client_min_messages = warning;
SET session_replication_role = replica;
SELECT format('TRUNCATE %s RESTART IDENTITY CASCADE;', string_agg(oid::regclass::text, ', '))
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'schema_migrations'
AND pg_relation_size(oid) > 0
HAVING count(*) > 0
\\gexec
DELETE FROM pg_statistic USING pg_class WHERE starelid = pg_class.oid AND relnamespace = 'public'::regnamespace;
"""
"""Removes all rows, also those that a trigger keeps, which a replica doesn't have; and what is known of them."""

RENAMED = """
\\connect postgres
ALTER DATABASE {old} RENAME TO {new};
SELECT pg_current_wal_lsn();
"""
"""Whoever comes back for the old one finds it gone. It fails while somebody is in there."""

CAUGHT_UP = """
SET statement_timeout = '50s';
DO $$ BEGIN WHILE pg_last_wal_replay_lsn() < '{position}' LOOP PERFORM pg_sleep(0.003); END LOOP; END $$;
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
        name = _new_name()
        script = f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER chitram; SELECT pg_current_wal_lsn();"
        wait_for_replica(self._cluster.replica, postgres.run_sql(self._cluster.primary, script))
        if not self._shape:
            self._shape = postgres.run_sql(self._cluster.primary, SHAPE, name)
            rows = postgres.run_sql(self._cluster.primary, ROWS, name).splitlines()
            self._refill = "".join(_insert(*line.split("|", 1)) for line in rows)
        return name

    def _take_back(self, name: str) -> None:
        """Lends it no more when it has another shape now, or when somebody stays in there."""
        alone, new = ALONE.format(name=name), _new_name()
        try:
            shape = postgres.run_sql(self._cluster.primary, alone + SHAPE, name)
            postgres.run_sql(self._cluster.replica, alone)
            script = EMPTY + self._refill + RENAMED.format(old=name, new=new)
            position = postgres.run_sql(self._cluster.primary, script, name) if shape == self._shape else ""
        except Trouble:
            position = ""
        if position:
            wait_for_replica(self._cluster.replica, position)
            self._idle.append(new)
        else:
            postgres.run_sql(self._cluster.primary, f"DROP DATABASE {name} WITH (FORCE);")


class Buckets:
    """Sets of buckets of a SeaweedFS server."""

    def __init__(self, server: seaweedfs.Server) -> None:
        self._server = server
        self._idle: deque[tuple[float, tuple[str, ...]]] = deque()

    @contextlib.contextmanager
    def lend(self) -> Iterator[tuple[str, ...]]:
        """Names of empty ones."""
        if self._idle and self._idle[0][0] + REST < time.monotonic():
            _, names = self._idle.popleft()
            for name in names:
                seaweedfs.empty_bucket(self._server, name)
        else:
            word = secrets.token_hex(6)
            names = tuple(f"t-{word}-{number}" for number in range(1, BUCKETS + 1))
            seaweedfs.make_buckets(self._server, names)
        yield names
        self._idle.append((time.monotonic(), names))


def wait_for_replica(replica: postgres.Server, position: str) -> None:
    """Returns when a replica has replayed up to a position."""
    postgres.run_sql(replica, CAUGHT_UP.format(position=position.strip()))


def _new_name() -> str:
    return f"t_{secrets.token_hex(6)}"


def _insert(table: str, rows: str) -> str:
    quoted = rows.replace("'", "''")
    return f"INSERT INTO {table} SELECT * FROM jsonb_populate_recordset(NULL::{table}, '{quoted}');\n"  # noqa: S608 - the tables of our own migrations
