-- migrate:up

-- Uploads that their sender may send again: written with the image. `key` and `request` are hashes of who sent which
-- key and of what it asked for, `answer` is the event of the upload, which holds the image as it was answered with;
-- from `salt` and the sender's own key the delete token is made again, which is stored nowhere.
CREATE TABLE idempotency_keys (
    key bytea PRIMARY KEY,
    request bytea NOT NULL,
    answer bytea NOT NULL,
    salt bytea,
    created_at timestamptz NOT NULL
);

CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

-- migrate:down

DROP TABLE idempotency_keys;
