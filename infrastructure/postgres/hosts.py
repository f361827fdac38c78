"""The addresses inside a connection string."""

from urllib.parse import urlsplit

DEFAULT_PORT = 5432


def each_host(address: str) -> tuple[str, ...]:
    """One connection string for each host that `address` lists, in its order.

    The driver would give all hosts one deadline together, so one that hangs would use up the time of those
    behind it; asked one by one, each gets its own. Raises ValueError for a host without a name or with a
    port that is no number.
    """
    parts = urlsplit(address)
    user, at, hosts = parts.netloc.rpartition("@")
    each = tuple(parts._replace(netloc=f"{user}{at}{host}").geturl() for host in hosts.split(","))
    for one in each:
        server_name(one)
    return each


def server_name(address: str) -> str:
    """`host:port` of a connection string with one host: its name in logs, metrics and health."""
    parts = urlsplit(address)
    if not parts.hostname:
        raise ValueError("a host has no name")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{parts.port or DEFAULT_PORT}"
