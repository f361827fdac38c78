"""Configuration of the Postgres room: what is refused, and how the refusal reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.env import ConfigError, read
from infrastructure.postgres.config import PrimaryConfig, ReplicaConfig
from infrastructure.postgres.hosts import each_host, server_name

PRIMARY = "postgresql://chitram:s3cret@a:5432,b:6432/chitram"


def test_defaults():
    """Only the address must be given; deadlines end from the inside out."""
    config = read(PrimaryConfig, {"CHITRAM_POSTGRES_PRIMARY": PRIMARY})
    assert config.primary == PRIMARY
    assert config.lock_timeout < config.statement_timeout < config.idle_transaction_timeout


def test_replicas_are_a_list():
    """Replicas are separated by commas."""
    config = read(ReplicaConfig, {"CHITRAM_POSTGRES_REPLICAS": "postgresql://a/x, postgresql://b:1/x"})
    assert config.replicas == ("postgresql://a/x", "postgresql://b:1/x")


@pytest.mark.parametrize(
    ("kind", "environ", "message"),
    [
        (PrimaryConfig, {}, "CHITRAM_POSTGRES_PRIMARY is not set"),
        (ReplicaConfig, {}, "CHITRAM_POSTGRES_REPLICAS is not set"),
        (ReplicaConfig, {"CHITRAM_POSTGRES_REPLICAS": ","}, "CHITRAM_POSTGRES_REPLICAS: names no server"),
        *(
            (PrimaryConfig, {"CHITRAM_POSTGRES_PRIMARY": address}, "CHITRAM_POSTGRES_PRIMARY: expected postgresql://")
            for address in (
                "a:5432/chitram",
                "mysql://a/chitram",
                "postgresql://u:s3cret@a",
                "postgresql://u:s3cret@a/",
                "postgresql:///chitram",
                "postgresql://u:s3cret@a,/chitram",
                "postgresql://u:s3cret@a:port/chitram",
                "postgresql://u:s3cret@a:99999/chitram",
                "postgresql://u:s3c[ret@a/chitram",
            )
        ),
        (
            ReplicaConfig,
            {"CHITRAM_POSTGRES_REPLICAS": "postgresql://u:s3cret@a:1,b:2/x"},
            "CHITRAM_POSTGRES_REPLICAS: expected postgresql://",
        ),
        (
            PrimaryConfig,
            {"CHITRAM_POSTGRES_PRIMARY": PRIMARY, "CHITRAM_POSTGRES_LOCK_TIMEOUT": "5"},
            "CHITRAM_POSTGRES_LOCK_TIMEOUT: must be shorter",
        ),
        (
            PrimaryConfig,
            {"CHITRAM_POSTGRES_PRIMARY": PRIMARY, "CHITRAM_POSTGRES_STATEMENT_TIMEOUT": "0"},
            "CHITRAM_POSTGRES_STATEMENT_TIMEOUT: expected `float` > 0",
        ),
        (
            PrimaryConfig,
            {"CHITRAM_POSTGRES_PRIMARY": PRIMARY, "CHITRAM_POSTGRES_POOL_SIZE": "1"},
            "CHITRAM_POSTGRES_POOL_SIZE: expected `int` >= 2",
        ),
    ],
)
def test_unusable_values_are_named(kind, environ, message):
    """The error begins with the variable and never shows a password."""
    with pytest.raises(ConfigError) as raised:
        read(kind, environ)
    assert str(raised.value).startswith(message)
    assert "s3c" not in str(raised.value)


def test_each_host_keeps_everything_else():
    """User, password, database and options stay with each host."""
    assert each_host("postgresql://u:p%40w@a:1,b,[::1]:3/x?sslmode=disable") == (
        "postgresql://u:p%40w@a:1/x?sslmode=disable",
        "postgresql://u:p%40w@b/x?sslmode=disable",
        "postgresql://u:p%40w@[::1]:3/x?sslmode=disable",
    )
    assert each_host("postgresql://a/x") == ("postgresql://a/x",)


hosts = st.from_regex(r"[a-z][a-z0-9.-]{0,20}[a-z0-9]:[1-9][0-9]{0,3}", fullmatch=True)


@given(st.lists(hosts, min_size=1, max_size=5), st.sampled_from(["", "u@", "u:p%2C@"]))
def test_hosts_come_back_in_their_order(names, user):
    """Every listed host has its own connection string, whose name is the host's."""
    address = f"postgresql://{user}{','.join(names)}/x"
    assert [server_name(one) for one in each_host(address)] == names


def test_names_of_servers():
    """A name has a port, also where the address leaves it out, and no user."""
    assert server_name("postgresql://u:p@a/x") == "a:5432"
    assert server_name("postgresql://u:p@[::1]:7/x") == "[::1]:7"
