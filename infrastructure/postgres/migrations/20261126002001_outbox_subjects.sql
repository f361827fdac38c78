-- migrate:up

-- Events tell of more than images. No foreign key, as before: an event outlives the rows it tells of.
ALTER TABLE outbox RENAME COLUMN image_id TO subject_id;

-- migrate:down

ALTER TABLE outbox RENAME COLUMN subject_id TO image_id;
