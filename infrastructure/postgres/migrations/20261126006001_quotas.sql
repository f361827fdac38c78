-- migrate:up

-- What each person has, and may have; no value means no limit. Images in the trash count, deleted ones don't.
ALTER TABLE users
ADD COLUMN images_held bigint NOT NULL DEFAULT 0,
ADD COLUMN bytes_held bigint NOT NULL DEFAULT 0,
ADD COLUMN images_allowed bigint CHECK (images_allowed >= 0),
ADD COLUMN bytes_allowed bigint CHECK (bytes_allowed >= 0);

UPDATE users
SET
    images_held = held.images,
    bytes_held = held.bytes
FROM (
    SELECT
        owner_id,
        count(*) AS images,
        sum(file_size) AS bytes
    FROM images
    WHERE owner_id IS NOT NULL AND deleted_at IS NULL
    GROUP BY owner_id
) AS held
WHERE users.id = held.owner_id;

-- By trigger, so that no way in or out goes uncounted. Whoever comes at the same time waits for the row, and then sees
-- what it has become: nobody gets past the limit, and nobody is refused what fits.
CREATE FUNCTION count_image() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF tg_op = 'INSERT' THEN
        UPDATE users
        SET images_held = images_held + 1, bytes_held = bytes_held + new.file_size
        WHERE id = new.owner_id
            AND (images_allowed IS NULL OR images_held < images_allowed)
            AND (bytes_allowed IS NULL OR bytes_held + new.file_size <= bytes_allowed);
        IF NOT found AND EXISTS (SELECT 1 FROM users WHERE id = new.owner_id) THEN
            RAISE EXCEPTION 'the quota is used up' USING ERRCODE = 'check_violation', CONSTRAINT = 'users_quota';
        END IF;
    ELSE
        UPDATE users
        SET images_held = images_held - 1, bytes_held = bytes_held - new.file_size
        WHERE id = new.owner_id;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER images_come AFTER INSERT ON images
FOR EACH ROW WHEN (new.owner_id IS NOT NULL AND new.deleted_at IS NULL)
EXECUTE FUNCTION count_image();

CREATE TRIGGER images_go AFTER UPDATE OF deleted_at ON images
FOR EACH ROW WHEN (new.owner_id IS NOT NULL AND old.deleted_at IS NULL AND new.deleted_at IS NOT NULL)
EXECUTE FUNCTION count_image();

-- migrate:down

DROP TRIGGER images_go ON images;
DROP TRIGGER images_come ON images;
DROP FUNCTION count_image;
ALTER TABLE users
DROP COLUMN bytes_allowed,
DROP COLUMN images_allowed,
DROP COLUMN bytes_held,
DROP COLUMN images_held;
