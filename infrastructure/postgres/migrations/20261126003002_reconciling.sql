-- migrate:up

-- What was uploaded before images could share a blob waits for it too.
UPDATE images SET pending = TRUE
FROM blobs
WHERE images.blob_id = blobs.id AND images.deleted_at IS NULL AND blobs.state = 'processing';

-- What is not done yet: images that wait to be rendered, and deleted ones to be erased.
CREATE INDEX images_pending ON images (created_at, id)
WHERE pending AND deleted_at IS NULL;

CREATE INDEX images_deleted ON images (deleted_at, id)
WHERE deleted_at IS NOT NULL;

-- What was said of one subject.
CREATE INDEX outbox_subject ON outbox (subject_id);

-- migrate:down

DROP INDEX outbox_subject;
DROP INDEX images_deleted;
DROP INDEX images_pending;
