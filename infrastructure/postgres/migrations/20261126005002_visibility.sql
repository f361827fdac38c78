-- migrate:up

-- Grows when the links to an image are revoked: what was signed for another number opens nothing.
ALTER TABLE images ADD COLUMN link_epoch bigint NOT NULL DEFAULT 0 CHECK (link_epoch >= 0);

-- The images of one person, newest first; those of all that are not public, for operators.
CREATE INDEX images_owner ON images (owner_id, created_at DESC, id DESC)
WHERE deleted_at IS NULL AND owner_id IS NOT NULL;

CREATE INDEX images_not_public ON images (created_at DESC, id DESC)
WHERE deleted_at IS NULL AND visibility <> 'public';

-- migrate:down

DROP INDEX images_not_public;
DROP INDEX images_owner;
ALTER TABLE images DROP COLUMN link_epoch;
