-- migrate:up transaction:false

-- Instead of `images_not_public`.
CREATE INDEX CONCURRENTLY images_listed_not_public ON images (created_at DESC, id DESC)
WHERE deleted_at IS NULL AND trashed_at IS NULL AND visibility <> 'public';

-- migrate:down transaction:false

DROP INDEX CONCURRENTLY images_listed_not_public;
