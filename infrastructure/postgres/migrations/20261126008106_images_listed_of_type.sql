-- migrate:up transaction:false

-- Instead of `images_newest_of_type`.
CREATE INDEX CONCURRENTLY images_listed_of_type ON images (content_type, created_at DESC, id DESC)
WHERE deleted_at IS NULL AND trashed_at IS NULL AND visibility = 'public';

-- migrate:down transaction:false

DROP INDEX CONCURRENTLY images_listed_of_type;
