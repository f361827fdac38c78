-- migrate:up transaction:false

-- Lists pass over what is in the trash, however much it is. The index of before, `images_newest`, serves services of
-- the release before while these are replaced; the next release drops it, and the others that have a successor here.
-- That of an owner stays: it is also how his images are found when he leaves, with those in the trash.
CREATE INDEX CONCURRENTLY images_listed ON images (created_at DESC, id DESC)
WHERE deleted_at IS NULL AND trashed_at IS NULL AND visibility = 'public';

-- migrate:down transaction:false

DROP INDEX CONCURRENTLY images_listed;
