-- migrate:up

-- Bytes, stored once. `placement` names the shards that hold the original, as it was when they were written.
-- Derivatives are one document because they are written once, together, and always read together.
CREATE TABLE blobs (
    id uuid PRIMARY KEY,
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    size bigint NOT NULL CHECK (size > 0),
    content_type text NOT NULL,
    width integer NOT NULL CHECK (width > 0),
    height integer NOT NULL CHECK (height > 0),
    frames integer NOT NULL CHECK (frames > 0),
    placement text[] NOT NULL CHECK (cardinality(placement) > 0),
    state text NOT NULL CHECK (state IN ('processing', 'ready', 'failed')),
    failure_code text,
    failure_message text,
    derivatives jsonb NOT NULL DEFAULT '[]',
    placeholder text,
    dominant_color text,
    perceptual_hash text,
    created_at timestamptz NOT NULL,
    verified_at timestamptz,
    CHECK ((state = 'failed') = (failure_code IS NOT NULL)),
    CHECK ((failure_code IS NULL) = (failure_message IS NULL))
) WITH (fillfactor = 90);

-- What a person has. `content_type` and `file_size` repeat the blob's, which never change, because lists filter
-- and sort by them. `version` grows by one with each change; `deleted_at`, once set, stays.
CREATE TABLE images (
    id uuid PRIMARY KEY,
    blob_id uuid NOT NULL REFERENCES blobs (id),
    version bigint NOT NULL CHECK (version > 0),
    filename text NOT NULL,
    content_type text NOT NULL,
    file_size bigint NOT NULL CHECK (file_size > 0),
    visibility text NOT NULL CHECK (visibility IN ('public', 'unlisted', 'private')),
    owner_id uuid,
    delete_token_hash bytea,
    description text,
    tags text[] NOT NULL DEFAULT '{}',
    metadata jsonb NOT NULL DEFAULT '{}',
    metadata_stripped boolean NOT NULL DEFAULT FALSE,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz,
    deleted_at timestamptz
) WITH (fillfactor = 90);

-- The images of a blob: when its derivatives are ready, and before it is erased.
CREATE INDEX images_blob ON images (blob_id);

-- Public lists, newest first, whole and by type. A page is a range of the index, however deep it lies.
CREATE INDEX images_newest ON images (created_at DESC, id DESC)
WHERE deleted_at IS NULL AND visibility = 'public';

CREATE INDEX images_newest_of_type ON images (content_type, created_at DESC, id DESC)
WHERE deleted_at IS NULL AND visibility = 'public';

-- Without fastupdate: its list of pending entries would be searched from end to end by every query.
CREATE INDEX images_tags ON images USING gin (tags) WITH (fastupdate = off)
WHERE deleted_at IS NULL AND visibility = 'public';

-- Events on their way to the stream, written by the transaction that made them true. `image_id` is no foreign
-- key: an event outlives the rows of an erased image.
CREATE TABLE outbox (
    id uuid PRIMARY KEY,
    image_id uuid NOT NULL,
    version bigint NOT NULL,
    type text NOT NULL,
    payload bytea NOT NULL,
    created_at timestamptz NOT NULL,
    published_at timestamptz
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- What the relay claims, and what is old enough to be dropped.
CREATE INDEX outbox_pending ON outbox (created_at, id)
WHERE published_at IS NULL;

CREATE INDEX outbox_published ON outbox (published_at)
WHERE published_at IS NOT NULL;

-- migrate:down

DROP TABLE outbox;
DROP TABLE images;
DROP TABLE blobs;
