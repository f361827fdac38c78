-- migrate:up

-- One row, written twice a second. What a replica shows of it tells where in the stream of events a reader of that
-- replica has to begin: every event up to `last_sequence` was committed before the row was, so the replica has
-- replayed all of them. `stream_made` is when the stream was made, which tells it from others that have had its name.
CREATE TABLE heartbeat (
    id boolean PRIMARY KEY DEFAULT TRUE CHECK (id),
    beat_at timestamptz NOT NULL,
    stream_made text,
    last_sequence bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

INSERT INTO heartbeat (beat_at) VALUES (now());

-- migrate:down

DROP TABLE heartbeat;
