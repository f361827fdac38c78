-- migrate:up

-- People with accounts. `email_key` is the address as it is compared, whatever its case. A deleted account keeps
-- its row, without address and password, until the last of its images is gone.
CREATE TABLE users (
    id uuid PRIMARY KEY,
    email text,
    email_key text UNIQUE,
    password_hash text,
    is_admin boolean NOT NULL DEFAULT FALSE,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    CHECK ((deleted_at IS NULL) = (email IS NOT NULL)),
    CHECK ((email IS NULL) = (email_key IS NULL)),
    CHECK ((email IS NULL) = (password_hash IS NULL))
);

-- Accounts that are on their way out.
CREATE INDEX users_deleted ON users (deleted_at)
WHERE deleted_at IS NOT NULL;

-- Sessions and API keys that hold now: one that is revoked is a row less. `token_hash` is the SHA-256 of the token.
CREATE TABLE credentials (
    id uuid PRIMARY KEY,
    version bigint NOT NULL CHECK (version > 0),
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    kind text NOT NULL CHECK (kind IN ('session', 'key')),
    user_id uuid NOT NULL REFERENCES users (id),
    scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
    name text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    CHECK ((kind = 'key') = (name IS NOT NULL))
) WITH (fillfactor = 90);

CREATE INDEX credentials_user ON credentials (user_id, kind, created_at DESC, id DESC);

CREATE INDEX credentials_expiry ON credentials (expires_at)
WHERE expires_at IS NOT NULL;

-- Who did what. No foreign keys: an entry outlives what it tells of.
CREATE TABLE audit (
    id uuid PRIMARY KEY,
    recorded_at timestamptz NOT NULL,
    actor text NOT NULL,
    actor_user_id uuid,
    address text,
    action text NOT NULL,
    image_id uuid,
    user_id uuid,
    details jsonb NOT NULL,
    request_id text
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE INDEX audit_recorded ON audit (recorded_at, id);

CREATE INDEX audit_image ON audit (image_id, recorded_at)
WHERE image_id IS NOT NULL;

CREATE INDEX audit_user ON audit (user_id, recorded_at)
WHERE user_id IS NOT NULL;

CREATE INDEX audit_actor ON audit (actor_user_id, recorded_at)
WHERE actor_user_id IS NOT NULL;

-- Nobody rewrites the past, the services' own role included; only what is older than a day may be dropped.
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF tg_op = 'DELETE' THEN
        IF old.recorded_at < now() - interval '1 day' THEN
            RETURN old;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER audit_row_stays BEFORE UPDATE OR DELETE ON audit
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();

CREATE TRIGGER audit_stays BEFORE TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

-- migrate:down

DROP TABLE audit;
DROP FUNCTION audit_is_append_only;
DROP TABLE credentials;
DROP TABLE users;
