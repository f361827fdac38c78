"""Looking after the shards and the copies on them."""
