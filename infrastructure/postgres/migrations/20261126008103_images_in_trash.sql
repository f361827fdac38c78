-- migrate:up transaction:false

-- What the trash is emptied by. An index on a table with rows is built beside those who write, which no transaction can
-- do, and so is the only statement of its file. One that was interrupted stays as an invalid index: DROP INDEX it, and
-- apply again.
CREATE INDEX CONCURRENTLY images_in_trash ON images (trashed_at)
WHERE trashed_at IS NOT NULL AND deleted_at IS NULL;

-- migrate:down transaction:false

DROP INDEX CONCURRENTLY images_in_trash;
