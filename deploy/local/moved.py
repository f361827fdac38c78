"""A SeaweedFS that got another port: the list of shards says where it was."""

from deploy.local.servers import postgres, seaweedfs


def follow(primary: postgres.Server, objects: seaweedfs.Server) -> None:
    """Writes down where the buckets of this stack's own SeaweedFS are now; no service may be running."""
    buckets = "|".join(sorted(seaweedfs.buckets(objects)))
    postgres.run_sql(primary, _MOVE, "chitram", endpoint=objects.endpoint, ours=rf"^s3://127\.0\.0\.1:\d+/({buckets})$")


_MOVE = """
WITH moved AS (
    UPDATE shards SET url = regexp_replace(url, '127\\.0\\.0\\.1:\\d+', :'endpoint')
    WHERE url ~ :'ours' AND url NOT LIKE 's3://' || :'endpoint' || '/%'
    RETURNING shard
)

UPDATE shard_map SET version = version + 1 WHERE EXISTS (SELECT 1 FROM moved);
"""
