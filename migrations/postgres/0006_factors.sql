-- The same tables as in ../sqlite; only the types differ.

-- Which factor is asked for first. No reference: factors of several kinds are in several tables.
ALTER TABLE accounts ADD COLUMN primary_factor UUID;

-- From where a session was begun, for its owner to recognise; and when its owner last ended its freshness.
ALTER TABLE sessions ADD COLUMN browser TEXT;
ALTER TABLE sessions ADD COLUMN address TEXT;
ALTER TABLE sessions ADD COLUMN locked_at BIGINT;

-- What happened to accounts, numbered as it was written down; without a user, what happened to nobody's.
CREATE TABLE events (
  number  BIGINT  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id UUID REFERENCES accounts (id) ON DELETE CASCADE,
  at      BIGINT  NOT NULL,
  what    TEXT    NOT NULL, -- a JSON object
  browser TEXT,
  address TEXT
);
CREATE INDEX events_of_user ON events (user_id, number);
CREATE INDEX events_by_time ON events (at);
