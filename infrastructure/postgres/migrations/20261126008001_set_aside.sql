-- migrate:up

-- When the stream was found never to take an event. The relay passes it over, and whoever asks for what is not in the
-- stream still hears it.
ALTER TABLE outbox ADD COLUMN set_aside_at timestamptz;

-- migrate:down

ALTER TABLE outbox DROP COLUMN set_aside_at;
