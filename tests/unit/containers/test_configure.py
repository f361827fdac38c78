"""What the containers of the compose stack are started with."""

import json
from pathlib import Path

import pytest

from deploy.containers import configure
from deploy.local.blueprint import RAISED_RATES
from infrastructure import env
from infrastructure.nats.config import NatsConfig
from infrastructure.postgres.config import PrimaryConfig, ReplicaConfig
from infrastructure.redis.config import RedisConfig

SHARDS = "a=s3://seaweedfs:8333/shard-1,b=s3://seaweedfs:8333/shard-2,c=s3://s3.example.org:9000/shard-3"


@pytest.fixture
def config(tmp_path, monkeypatch):
    """An empty volume, and the variables that the stack's YAML sets."""
    monkeypatch.setattr(configure, "CONFIG", tmp_path)
    monkeypatch.setenv("CHITRAM_SHARDS", SHARDS)
    return tmp_path


def read_all(directory):
    return {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*") if path.is_file()}


def test_secrets_are_made_once_and_everything_else_says_the_same_again(config):
    """A second start changes nothing; another volume gets other secrets."""
    assert configure.main() == 0
    before = read_all(config)
    assert configure.main() == 0
    assert read_all(config) == before
    secrets = json.loads(before["credentials/credentials.json"])
    assert len(set(secrets.values())) == len(secrets)
    assert (config / "credentials").stat().st_mode & 0o077 == 0


def test_services_find_every_server_by_the_files_that_they_are_given(config):
    """Their variables are read from the files as they are; two replicas are two addresses."""
    configure.main()
    places = config / "services"
    given = {
        "CHITRAM_POSTGRES_PRIMARY_FILE": str(places / "postgres_primary"),
        "CHITRAM_POSTGRES_REPLICAS_FILE": str(places / "postgres_replicas"),
        "CHITRAM_REDIS_URL_FILE": str(places / "redis_url"),
        "CHITRAM_NATS_SERVERS_FILE": str(places / "nats_servers"),
    }
    assert "@postgres-primary:5432/chitram" in env.read(PrimaryConfig, given).primary
    assert [address.rpartition("@")[2] for address in env.read(ReplicaConfig, given).replicas] == [
        "postgres-replica-1:5432/chitram",
        "postgres-replica-2:5432/chitram",
    ]
    assert env.read(RedisConfig, given).url.endswith("@valkey:6379/0")
    assert env.read(NatsConfig, given).servers[0].endswith("@nats:4222")


def test_no_container_is_shown_a_secret_that_it_has_no_use_for(config):
    """The services don't know the superuser, the gateway knows no secret at all."""
    configure.main()
    secrets = json.loads((config / "credentials" / "credentials.json").read_text())
    files = read_all(config)

    def known_to(directory):
        text = "".join(text for name, text in files.items() if name.startswith(f"{directory}/"))
        return {name for name, secret in secrets.items() if secret in text}

    assert known_to("nginx") == set()
    assert known_to("nats") == {"nats"}
    assert known_to("valkey") == {"redis"}
    assert known_to("seaweedfs") == {"s3_access_key", "s3_secret_key"}
    assert known_to("postgres-replica-1") == {"postgres_replication"}
    assert known_to("services") == {"postgres_services", "redis", "nats", "s3_access_key", "s3_secret_key", "signing"}


def test_the_gateway_follows_names(config):
    """Services are looked up again and again, under each name by which they are asked."""
    configure.main()
    conf = (config / "nginx" / "nginx.conf").read_text()
    assert "resolver 127.0.0.11 valid=1s" in conf
    assert "server read:8000 resolve" in conf
    assert "server write:8000 resolve" in conf


def test_lists_of_hosts_may_name_several(config, monkeypatch):
    """A pooler before the services, and two servers of which either may be the primary."""
    monkeypatch.setenv("CHITRAM_STACK_PRIMARY", "pgbouncer:6432")
    monkeypatch.setenv("CHITRAM_STACK_PRIMARY_DIRECT", "a:5432,b:5433")
    configure.main()
    assert "@pgbouncer:6432/" in (config / "services" / "postgres_primary").read_text()
    assert "@a:5432,b:5433/" in (config / "services" / "postgres_direct").read_text()
    assert "host=a,b port=5432,5433 " in (config / "postgres-replica-1" / "postgresql.conf").read_text()


def test_what_can_not_be_meant_is_said_in_a_sentence(config, monkeypatch, capsys):
    """And no file is written."""
    monkeypatch.setenv("CHITRAM_GATEWAY_CACHE", "lots")
    assert configure.main() == 2
    assert "CHITRAM_GATEWAY_CACHE" in capsys.readouterr().err
    assert not (config / "nginx").exists()


def test_whoever_tries_the_stack_out_is_not_throttled(config):
    """The compose stack for one machine has the limits of `chitram up`."""
    lines = (Path(__file__).parents[3] / "deploy" / "trial.env").read_text().splitlines()
    assert dict(line.split("=") for line in lines if not line.startswith("#")) == RAISED_RATES


def test_with_tls_everybody_is_sent_there(config, monkeypatch):
    """Plain HTTP is answered with 308 to the port that the public knows."""
    monkeypatch.setenv("CHITRAM_GATEWAY_TLS", "true")
    monkeypatch.setenv("CHITRAM_GATEWAY_HTTPS_PORT", "9443")
    configure.main()
    conf = (config / "nginx" / "nginx.conf").read_text()
    assert "listen 8443 ssl" in conf
    assert (
        "listen 8080 default_server; server_name _; location / { return 308 https://$host:9443$request_uri; }" in conf
    )


def test_floods_are_held_up_where_the_public_comes(config, monkeypatch):
    """In production, unless it is switched off; whoever tries the stack out has one address for everybody."""
    root = Path(__file__).parents[3]
    assert "CHITRAM_GATEWAY_PACE: ${CHITRAM_GATEWAY_PACE:-true}" in (root / "docker-compose.prod.yml").read_text()
    configure.main()
    assert "limit_req" not in (config / "nginx" / "nginx.conf").read_text()
    monkeypatch.setenv("CHITRAM_GATEWAY_PACE", "true")
    configure.main()
    conf = (config / "nginx" / "nginx.conf").read_text()
    assert "limit_req_zone $binary_remote_addr zone=requests:10m rate=100r/s;" in conf
    assert "limit_req zone=requests burst=200 nodelay;" in conf
    assert "limit_conn connections 100;" in conf


def test_the_gateway_believes_the_proxies_it_is_told_of(config, monkeypatch):
    """And by default nobody."""
    configure.main()
    assert "set_real_ip_from" not in (config / "nginx" / "nginx.conf").read_text()
    monkeypatch.setenv("CHITRAM_TRUSTED_PROXIES", "10.0.0.0/8")
    configure.main()
    assert "set_real_ip_from 10.0.0.0/8;" in (config / "nginx" / "nginx.conf").read_text()


def test_the_pooler_sets_the_deadlines_that_sessions_ask_for(config, monkeypatch):
    """In milliseconds, as the services have them."""
    monkeypatch.setenv("CHITRAM_POSTGRES_LOCK_TIMEOUT", "1.5")
    configure.main()
    ini = (config / "pgbouncer" / "pgbouncer.ini").read_text()
    assert "connect_query='SET lock_timeout = 1500; SET statement_timeout = 5000; SET idle_in_transaction" in ini
    assert "chitram = host=postgres-primary port=5432 " in ini
