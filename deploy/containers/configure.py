"""Writes what every container of the compose stack is started with: `python -m deploy.containers.configure`.

Runs to its end before all others and with every `up`. Passwords and keys are random and made once; each
directory below `/config` is shown to the containers it is named after and to no others:

    credentials/        all secrets, as JSON: this program's own memory
    services/           addresses with their passwords, for `CHITRAM_..._FILE`
    postgres-primary/   postgresql.conf, pg_hba.conf, the superuser's password, init/: what is run once
    postgres-replica-1/ postgresql.conf, pg_hba.conf, start.sh
    valkey/ nats/ seaweedfs/ nginx/ pgbouncer/
"""

import json
import sys
from pathlib import Path
from urllib.parse import quote

import infrastructure.nats
import infrastructure.postgres
import infrastructure.redis
from deploy.containers.gateway import gateway
from deploy.containers.pgbouncer import pgbouncer
from deploy.containers.places import Places
from deploy.local.facts import Credentials, credentials
from deploy.local.servers import postgres, seaweedfs
from infrastructure import env
from infrastructure.nginx.render import render

CONFIG = Path("/config")
REPLICAS = ("postgres-replica-1", "postgres-replica-2")
SEAWEEDFS_PORTS = seaweedfs.Ports(8333, 18333, 9333, 19333, 8080, 18080, 8888, 18888)
"""Those that SeaweedFS has by itself."""


def main() -> int:
    """Writes everything. Status 2, with a sentence, when the environment can't be meant."""
    try:
        places = env.read(Places)
        secrets = _credentials(CONFIG / "credentials")
        files = {
            "services": _services(places, secrets),
            "postgres-primary": _primary(secrets),
            **{name: _replica(name, places, secrets) for name in REPLICAS},
            "valkey": _valkey(secrets),
            "nats": _nats(secrets),
            "seaweedfs": _seaweedfs(secrets),
            "pgbouncer": pgbouncer(places, secrets),
            "nginx": {"nginx.conf": render(gateway(places))},
        }
    except (env.ConfigError, ValueError) as error:
        print(f"configuration: {error}", file=sys.stderr)
        return 2
    for directory, contents in files.items():
        for name, text in contents.items():
            _write(CONFIG / directory / name, text)
    return 0


def _credentials(directory: Path) -> Credentials:
    directory.mkdir(mode=0o700, exist_ok=True)
    return credentials(directory / "credentials.json")


def _write(path: Path, text: str) -> None:
    """All of it or nothing. Every user of a container may read it: which containers see it is the volume's business."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.new")
    aside.write_text(text)
    aside.chmod(0o444)
    aside.replace(path)


def _services(places: Places, secrets: Credentials) -> dict[str, str]:
    user = f"chitram:{quote(secrets.postgres_services, safe='')}@"
    return {
        "postgres_primary": f"postgresql://{user}{','.join(places.primary)}/chitram",
        "postgres_direct": f"postgresql://{user}{','.join(places.primary_direct)}/chitram",
        "postgres_replicas": ",".join(f"postgresql://{user}{host}/chitram" for host in places.replicas),
        "redis_url": f"redis://:{secrets.redis}@{places.redis}/0",
        "nats_servers": ",".join(f"nats://chitram:{secrets.nats}@{host}" for host in places.nats),
        "s3_access_key": secrets.s3_access_key,
        "s3_secret_key": secrets.s3_secret_key,
        "secret_keys": f"stack:{secrets.signing}",
    }


def _postgres(name: str) -> dict[str, str]:
    room = Path(infrastructure.postgres.__file__).parent
    return {
        "common.conf": (room / "postgresql.conf").read_text(),
        "pg_hba.conf": (room / "pg_hba.conf").read_text(),
        "postgresql.conf": "\n".join(
            (
                "include 'common.conf'",
                "hba_file = '/etc/chitram/pg_hba.conf'",
                "listen_addresses = '*'",
                f"cluster_name = '{name}'",
                "",
            )
        ),
    }


def _primary(secrets: Credentials) -> dict[str, str]:
    passwords = postgres.Passwords(secrets.postgres_superuser, secrets.postgres_services, secrets.postgres_replication)
    return _postgres("postgres-primary") | {
        "superuser": secrets.postgres_superuser,
        "init/10-roles.sql": postgres.preparation(passwords),
    }


def _replica(name: str, places: Places, secrets: Credentials) -> dict[str, str]:
    hosts, ports = zip(*(host.rsplit(":", 1) for host in places.primary_direct), strict=True)
    slot = name.replace("-", "_")
    primary = (
        f"host={','.join(hosts)} port={','.join(ports)} user=replicator"
        f" password={secrets.postgres_replication} application_name={slot} connect_timeout=5"
    )
    files = _postgres(name)
    files["postgresql.conf"] += f"primary_conninfo = '{primary}'\nprimary_slot_name = '{slot}'\n"
    script = Path(__file__).with_name("replica.sh").read_text()
    return files | {"start.sh": script, "primary": primary, "slot": slot}


def _valkey(secrets: Credentials) -> dict[str, str]:
    room = Path(infrastructure.redis.__file__).parent
    common = (room / "valkey.conf").read_text()
    return {
        "valkey.conf": f'{common}\nbind * -::*\nport 6379\ndir /tmp\nrequirepass "{secrets.redis}"\n',
        "password": secrets.redis,
    }


def _nats(secrets: Credentials) -> dict[str, str]:
    """The room's file asks for variables; a file that sets them may not include it, so it becomes one with it."""
    room = Path(infrastructure.nats.__file__).parent
    variables = {
        "CHITRAM_NATS_LISTEN": "0.0.0.0:4222",
        "CHITRAM_NATS_STORE": "/data",
        "CHITRAM_NATS_USER": "chitram",
        "CHITRAM_NATS_PASSWORD": secrets.nats,
    }
    head = "".join(f"{name}: {json.dumps(value)}\n" for name, value in variables.items())
    return {"nats.conf": f"{head}http: 127.0.0.1:8222\n{(room / 'nats.conf').read_text()}"}


def _seaweedfs(secrets: Credentials) -> dict[str, str]:
    server = seaweedfs_server(secrets)
    tokens = {
        "jwt.signing": "volume",
        "jwt.signing.read": "volume-read",
        "jwt.filer_signing": "filer",
        "jwt.filer_signing.read": "filer-read",
    }
    return {
        "s3.json": json.dumps(seaweedfs.identities(server), indent=2),
        "security.toml": "".join(f'[{table}]\nkey = "{server.signing_key(role)}"\n' for table, role in tokens.items()),
    }


def seaweedfs_server(secrets: Credentials, host: str = "seaweedfs") -> seaweedfs.Server:
    """The server as the containers beside it reach it."""
    return seaweedfs.Server(
        name="seaweedfs",
        host=host,
        ports=SEAWEEDFS_PORTS,
        directory=Path("/data"),
        keys=Path("/etc/seaweedfs/s3.json"),
        access_key=secrets.s3_access_key,
        secret_key=secrets.s3_secret_key,
    )


if __name__ == "__main__":
    sys.exit(main())
