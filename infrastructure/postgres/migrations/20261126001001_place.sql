-- migrate:up

-- Where the camera was, for the owner's eyes alone: apart from `metadata`, which everyone is shown who sees the image.
ALTER TABLE images ADD COLUMN place jsonb NOT NULL DEFAULT '{}';

-- migrate:down

ALTER TABLE images DROP COLUMN place;
