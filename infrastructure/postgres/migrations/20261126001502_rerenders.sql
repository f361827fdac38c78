-- migrate:up

-- Blobs some of whose variants are to be made anew. A worker claims one for a while by `claimed_until`; whatever
-- becomes of the worker, another goes on then. `problem` says why a blob can not be rendered; it keeps what it has.
CREATE TABLE rerenders (
    blob_id uuid PRIMARY KEY REFERENCES blobs (id) ON DELETE CASCADE,
    variants text[] NOT NULL CHECK (cardinality(variants) > 0),
    requested_at timestamptz NOT NULL,
    claimed_until timestamptz NOT NULL DEFAULT '-infinity',
    attempts integer NOT NULL DEFAULT 0,
    problem text
);

-- Newest first: those are looked at most.
CREATE INDEX rerenders_waiting ON rerenders (blob_id DESC)
WHERE problem IS NULL;

-- migrate:down

DROP TABLE rerenders;
