-- migrate:up

-- Images that have an end: whose time is over is found by it.
CREATE INDEX images_expire ON images (expires_at)
WHERE expires_at IS NOT NULL AND deleted_at IS NULL;

-- migrate:down

DROP INDEX images_expire;
