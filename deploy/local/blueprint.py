"""The whole stack as data: from counts, ports and secrets to every part."""

import msgspec

from deploy.local.facts import Counts, Credentials, Facts, names
from deploy.local.layout import Layout
from deploy.local.part import Part
from deploy.local.ports import HOST
from deploy.local.servers import nats, nginx, postgres, seaweedfs, service, valkey
from deploy.local.settings import max_file_size, trusted_proxies
from infrastructure.nginx.render import Gateway

REPLICAS = ("postgres-replica-1", "postgres-replica-2")
BUCKETS = ("shard-1", "shard-2", "shard-3", "shard-4")
SEAWEEDFS_PORTS = tuple(f"seaweedfs-{name}" for name in seaweedfs.Ports.__struct_fields__)
SERVERS = ("postgres-primary", *REPLICAS, "valkey", "nats", "seaweedfs", "nginx")
SERVER_PORTS = ("postgres-primary", *REPLICAS, "valkey", "nats", *SEAWEEDFS_PORTS)

CONNECTIONS = 150
"""To one Postgres, of the services together; the servers take 200, and people, migrations and replicas need some."""

LARGEST_POOL = 10

RAISED_RATES = {
    f"CHITRAM_{name}": rate
    for name, rate in {
        **dict.fromkeys(("RATE_READS_ANONYMOUS", "RATE_READS"), "100000000/60"),
        **dict.fromkeys(("RATE_CHANGES_ANONYMOUS", "RATE_CHANGES"), "1000000/60"),
        **dict.fromkeys(("RATE_UPLOADS_ANONYMOUS", "RATE_UPLOADS"), "1000000/60"),
        **dict.fromkeys(("RATE_MEGAPIXELS_ANONYMOUS", "RATE_MEGAPIXELS"), "100000000/60"),
        "NETWORK_LOGINS": "100000",
        "REGISTRATIONS": "100000",
    }.items()
}
"""Everybody on this machine has one address: whoever tries it out, or loads it, is not to be throttled."""


class Blueprint(msgspec.Struct, frozen=True, kw_only=True):
    """Every part of a stack, nothing of it started."""

    primary: postgres.Server
    replicas: tuple[postgres.Server, ...]
    valkey: valkey.Server
    nats: nats.Server
    seaweedfs: seaweedfs.Server
    services: tuple[service.Server, ...]
    nginx: nginx.Server

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts, in the order in which they depend on each other."""
        return (
            *(postgres.part(server) for server in (self.primary, *self.replicas)),
            *(valkey.part(self.valkey), nats.part(self.nats), seaweedfs.part(self.seaweedfs)),
            *(service.part(server) for server in self.services),
            nginx.part(self.nginx),
        )

    def part(self, name: str) -> Part:
        """The part of that name. Raises KeyError."""
        return {part.name: part for part in self.parts}[name]


def wanted_ports(facts: Facts) -> list[str]:
    """Names of all ports that a stack needs besides its public one."""
    return [*SERVER_PORTS, *names(facts.counts)]


def draw(facts: Facts, credentials: Credentials, layout: Layout) -> Blueprint:
    """The stack that `facts` describes; they must have every port of `wanted_ports`."""
    primary = _postgres(facts, credentials, layout, "postgres-primary", follows=None)
    replicas = tuple(
        _postgres(facts, credentials, layout, name, follows=facts.ports["postgres-primary"]) for name in REPLICAS
    )
    cache = _valkey(facts, credentials, layout)
    events = nats.Server(name="nats", port=facts.ports["nats"], directory=layout.run("nats"), password=credentials.nats)
    objects = _seaweedfs(facts, credentials, layout)
    environment = (
        RAISED_RATES
        | {
            "CHITRAM_POSTGRES_POOL_SIZE": str(_pool_size(facts.counts)),
            "CHITRAM_SECRET_KEYS": f"stack:{credentials.signing}",
        }
        | facts.settings
        | {
            "CHITRAM_POSTGRES_PRIMARY": primary.url(),
            "CHITRAM_POSTGRES_REPLICAS": ",".join(replica.url() for replica in replicas),
            "CHITRAM_REDIS_URL": cache.url,
            "CHITRAM_NATS_SERVERS": events.url,
            "CHITRAM_SHARDS": ",".join(f"{name}=s3://{objects.endpoint}/{name}" for name in BUCKETS),
            "CHITRAM_S3_ACCESS_KEY": objects.access_key,
            "CHITRAM_S3_SECRET_KEY": objects.secret_key,
            "CHITRAM_S3_REGION": seaweedfs.REGION,
        }
    )
    return Blueprint(
        primary=primary,
        replicas=replicas,
        valkey=cache,
        nats=events,
        seaweedfs=objects,
        services=tuple(
            service.Server(name=name, port=facts.ports[name], directory=layout.run(name), environment=environment)
            for name in names(facts.counts)
        ),
        nginx=_nginx(facts, layout),
    )


def _pool_size(counts: Counts) -> int:
    """Connections of each process, so that all fit; one that runs keeps its own until it is restarted.

    The primary has the write services and the workers, each with one more that listens; a replica may have all
    read services, when the other replica is gone. No service works with less than 2.
    """
    changing = counts.write + counts.worker
    return max(2, min(LARGEST_POOL, CONNECTIONS // changing - 1, CONNECTIONS // counts.read))


def _postgres(
    facts: Facts, credentials: Credentials, layout: Layout, name: str, *, follows: int | None
) -> postgres.Server:
    return postgres.Server(
        name=name,
        port=facts.ports[name],
        data=layout.run(name),
        config=layout.config(f"{name}.conf"),
        passwords=postgres.Passwords(
            credentials.postgres_superuser, credentials.postgres_services, credentials.postgres_replication
        ),
        follows=follows,
    )


def _valkey(facts: Facts, credentials: Credentials, layout: Layout) -> valkey.Server:
    return valkey.Server(
        name="valkey",
        port=facts.ports["valkey"],
        directory=layout.run("valkey"),
        config=layout.config("valkey.conf"),
        password=credentials.redis,
    )


def _seaweedfs(facts: Facts, credentials: Credentials, layout: Layout) -> seaweedfs.Server:
    return seaweedfs.Server(
        name="seaweedfs",
        ports=seaweedfs.Ports(*(facts.ports[name] for name in SEAWEEDFS_PORTS)),
        directory=layout.run("seaweedfs"),
        keys=layout.config("seaweedfs.json"),
        access_key=credentials.s3_access_key,
        secret_key=credentials.s3_secret_key,
    )


def _nginx(facts: Facts, layout: Layout) -> nginx.Server:
    def addresses(kind: str) -> tuple[str, ...]:
        return tuple(f"{HOST}:{facts.ports[name]}" for name in names(facts.counts) if name.startswith(f"{kind}-"))

    return nginx.Server(
        name="nginx",
        directory=layout.run("nginx"),
        config=layout.config("nginx.conf"),
        gateway=Gateway(
            listen=f"{HOST}:{facts.port}",
            read=addresses("read"),
            write=addresses("write"),
            max_file_size=max_file_size(facts.settings),
            state=layout.run("nginx"),
            cache=layout.run("nginx") / "cache",
            user=nginx.this_user(),
            workers="2",
            open_files=nginx.open_files(),
            trusted=trusted_proxies(facts.settings),
        ),
    )
