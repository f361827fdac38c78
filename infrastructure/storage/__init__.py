"""Objects on shards: a ring decides where copies go, the row remembers where they went."""
