-- migrate:up

-- When its owner put an image into the trash: nobody sees it, all of it is kept, and until the trash is emptied it can
-- be taken out again. What is deleted for good has `deleted_at`.
ALTER TABLE images ADD COLUMN trashed_at timestamptz;

-- migrate:down

-- A system without a trash would show what is in it.
UPDATE images SET deleted_at = trashed_at, version = version + 1
WHERE trashed_at IS NOT NULL AND deleted_at IS NULL;

ALTER TABLE images DROP COLUMN trashed_at;
