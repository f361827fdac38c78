-- migrate:up

-- Whose uploads may share a blob: those with the same bytes and the same scope. NULL matches nothing, and is what
-- a blob gets that must not be given to anybody new: one whose rendering failed for a reason that isn't its own, or
-- whose copies are found to be bad. `render_seconds` is how long its rendering took.
ALTER TABLE blobs ADD COLUMN scope text;
ALTER TABLE blobs ADD COLUMN render_seconds real CHECK (render_seconds >= 0);

CREATE UNIQUE INDEX blobs_content ON blobs (sha256, scope)
WHERE scope IS NOT NULL;

-- An image that came to a blob which others have is shown as one that is still processed, until its own event was
-- handled: as if its bytes were new.
ALTER TABLE images ADD COLUMN pending boolean NOT NULL DEFAULT FALSE;

-- migrate:down

ALTER TABLE images DROP COLUMN pending;
DROP INDEX blobs_content;
ALTER TABLE blobs DROP COLUMN render_seconds;
ALTER TABLE blobs DROP COLUMN scope;
