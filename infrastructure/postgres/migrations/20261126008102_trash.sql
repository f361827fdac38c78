-- migrate:up

-- When its owner put an image into the trash: nobody sees it, all of it is kept, and until the trash is emptied it can
-- be taken out again. What is deleted for good has `deleted_at`.
ALTER TABLE images ADD COLUMN trashed_at timestamptz;

-- What the trash is emptied by, and what somebody has in it.
CREATE INDEX images_trashed ON images (trashed_at)
WHERE trashed_at IS NOT NULL AND deleted_at IS NULL;

CREATE INDEX images_trash_of_owner ON images (owner_id, created_at DESC, id DESC)
WHERE trashed_at IS NOT NULL AND deleted_at IS NULL;

-- Lists pass over what is in the trash, however much it is. That of an owner stays as it is: it is also how his images
-- are found when he leaves, with those in the trash.
DROP INDEX images_newest;
DROP INDEX images_newest_of_type;
DROP INDEX images_tags;
DROP INDEX images_not_public;

CREATE INDEX images_newest ON images (created_at DESC, id DESC)
WHERE deleted_at IS NULL AND trashed_at IS NULL AND visibility = 'public';

CREATE INDEX images_newest_of_type ON images (content_type, created_at DESC, id DESC)
WHERE deleted_at IS NULL AND trashed_at IS NULL AND visibility = 'public';

CREATE INDEX images_tags ON images USING gin (tags) WITH (fastupdate = off)
WHERE deleted_at IS NULL AND trashed_at IS NULL AND visibility = 'public';

CREATE INDEX images_not_public ON images (created_at DESC, id DESC)
WHERE deleted_at IS NULL AND trashed_at IS NULL AND visibility <> 'public';

-- migrate:down

-- A system without a trash would show what is in it.
UPDATE images SET deleted_at = trashed_at, version = version + 1
WHERE trashed_at IS NOT NULL AND deleted_at IS NULL;

DROP INDEX images_newest;
DROP INDEX images_newest_of_type;
DROP INDEX images_tags;
DROP INDEX images_not_public;

CREATE INDEX images_newest ON images (created_at DESC, id DESC)
WHERE deleted_at IS NULL AND visibility = 'public';

CREATE INDEX images_newest_of_type ON images (content_type, created_at DESC, id DESC)
WHERE deleted_at IS NULL AND visibility = 'public';

CREATE INDEX images_tags ON images USING gin (tags) WITH (fastupdate = off)
WHERE deleted_at IS NULL AND visibility = 'public';

CREATE INDEX images_not_public ON images (created_at DESC, id DESC)
WHERE deleted_at IS NULL AND visibility <> 'public';

DROP INDEX images_trash_of_owner;
DROP INDEX images_trashed;
ALTER TABLE images DROP COLUMN trashed_at;
