-- migrate:up transaction:false

-- Instead of `images_tags`.
CREATE INDEX CONCURRENTLY images_listed_tags ON images USING gin (tags) WITH (fastupdate = off)
WHERE deleted_at IS NULL AND trashed_at IS NULL AND visibility = 'public';

-- migrate:down transaction:false

DROP INDEX CONCURRENTLY images_listed_tags;
