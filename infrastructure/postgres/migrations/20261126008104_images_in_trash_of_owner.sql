-- migrate:up transaction:false

-- What somebody has in the trash.
CREATE INDEX CONCURRENTLY images_in_trash_of_owner ON images (owner_id, created_at DESC, id DESC)
WHERE trashed_at IS NOT NULL AND deleted_at IS NULL;

-- migrate:down transaction:false

DROP INDEX CONCURRENTLY images_in_trash_of_owner;
