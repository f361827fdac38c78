-- migrate:up

-- Events that a consumer has given up, with the reason, until somebody has them tried again or their work is done by
-- other means. `subject_id` is NULL for one that can't be decoded.
CREATE TABLE quarantine (
    id uuid NOT NULL,
    consumer text NOT NULL,
    subject_id uuid,
    type text NOT NULL,
    payload bytea NOT NULL,
    reason text NOT NULL,
    attempts integer NOT NULL,
    quarantined_at timestamptz NOT NULL,
    PRIMARY KEY (id, consumer)
);

-- What is known of one image.
CREATE INDEX quarantine_subject ON quarantine (subject_id);

-- migrate:down

DROP TABLE quarantine;
