-- migrate:up

-- Where copies can be. The names stand in placements; no URL has credentials in it.
CREATE TABLE shards (
    shard text PRIMARY KEY CHECK (shard ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
    url text NOT NULL UNIQUE,
    weight integer NOT NULL CHECK (weight BETWEEN 1 AND 999),
    state text NOT NULL CHECK (state IN ('active', 'draining')),
    changed_at timestamptz NOT NULL
);

-- One row: the version of that list, which grows by one with each change of it. 0 means that nobody has written it yet.
-- Whoever changes the list locks this row first.
CREATE TABLE shard_map (
    id integer PRIMARY KEY CHECK (id = 1),
    version bigint NOT NULL
);

INSERT INTO shard_map (id, version) VALUES (1, 0);

-- migrate:down

DROP TABLE shard_map;
DROP TABLE shards;
