"""Makes the buckets of the shards on the stack's own SeaweedFS: `python -m deploy.containers.buckets`."""

import sys
from pathlib import Path

from deploy.containers.configure import seaweedfs_server
from deploy.containers.places import buckets
from deploy.local.facts import credentials
from deploy.local.servers.seaweedfs import make_buckets


def main() -> int:
    """Makes those that are not there; buckets on other servers are not ours to make."""
    server = seaweedfs_server(credentials(Path("/config/credentials.json")))
    make_buckets(server, tuple(bucket.bucket for bucket in buckets() if bucket.endpoint == server.endpoint))
    return 0


if __name__ == "__main__":
    sys.exit(main())
