-- migrate:up

-- How far those have come who walk over all blobs, in the order of their ids, and until when one of them has the walk
-- for itself. `version` is the list of shards that a walk has in mind, 0 where that does not matter.
CREATE TABLE walks (
    walk text PRIMARY KEY,
    reached uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    version bigint NOT NULL DEFAULT 0,
    claimed_until timestamptz NOT NULL DEFAULT '-infinity'
);

-- migrate:down

DROP TABLE walks;
