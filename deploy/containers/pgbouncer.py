"""PgBouncer between the services and the primary."""

import os

from deploy.containers.places import Places
from deploy.local.facts import Credentials
from infrastructure import env
from infrastructure.postgres.config import PrimaryConfig

CONNECTIONS = 40
"""To the primary, however many services there are; a statement waits for one no longer than for anything else."""


def pgbouncer(places: Places, secrets: Credentials) -> dict[str, str]:
    """Its files. Deadlines that our sessions ask for are ignored by it, so it sets the same with each connection."""
    hosts, ports = zip(*(host.rsplit(":", 1) for host in places.primary_direct), strict=True)
    database = f"host={','.join(hosts)} port={ports[0]} dbname=chitram connect_query='{_deadlines()}'"
    return {
        "pgbouncer.ini": "\n".join(
            (
                "[databases]",
                f"chitram = {database}",
                "",
                "[pgbouncer]",
                "listen_addr = *",
                "listen_port = 6432",
                "unix_socket_dir =",
                "auth_type = scram-sha-256",
                "auth_file = /etc/chitram/users",
                "pool_mode = transaction",
                "max_client_conn = 2000",
                f"default_pool_size = {CONNECTIONS}",
                "ignore_startup_parameters = lock_timeout,statement_timeout,idle_in_transaction_session_timeout",
                "query_wait_timeout = 5",
                "server_connect_timeout = 2",
                "server_login_retry = 1",
                "server_idle_timeout = 300",
                "tcp_keepalive = 1",
                "tcp_keepidle = 10",
                "tcp_keepintvl = 5",
                "tcp_keepcnt = 3",
                "log_connections = 0",
                "log_disconnections = 0",
                "",
            )
        ),
        "users": f'"chitram" "{secrets.postgres_services}"\n',
    }


def _deadlines() -> str:
    """As the services have them; they say who the primary is, which is no matter here."""
    config = env.read(PrimaryConfig, os.environ | {"CHITRAM_POSTGRES_PRIMARY": "postgresql://primary/chitram"})
    limits = {
        "lock_timeout": config.lock_timeout,
        "statement_timeout": config.statement_timeout,
        "idle_in_transaction_session_timeout": config.idle_transaction_timeout,
    }
    return "; ".join(f"SET {name} = {round(seconds * 1000)}" for name, seconds in limits.items())
