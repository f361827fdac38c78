-- migrate:up

-- Copies of objects that no row names any more, to be deleted once nobody can still be on the way to them.
CREATE TABLE discarded (
    key text NOT NULL,
    shard text NOT NULL,
    not_before timestamptz NOT NULL,
    PRIMARY KEY (key, shard)
);

CREATE INDEX discarded_due ON discarded (not_before);

-- migrate:down

DROP TABLE discarded;
