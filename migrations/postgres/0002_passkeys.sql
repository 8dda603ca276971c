-- The same tables as in ../sqlite; only the types differ.

CREATE TABLE passkeys (
  id            UUID    NOT NULL PRIMARY KEY,
  user_id       UUID    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  name          TEXT    NOT NULL,
  credential_id BYTEA   NOT NULL UNIQUE CHECK (octet_length(credential_id) <= 1023),
  credential    TEXT    NOT NULL,
  created_at    BIGINT  NOT NULL,
  used_at       BIGINT
);
CREATE INDEX passkeys_of_user ON passkeys (user_id);

-- Challenges that were sent out; each is deleted by whoever answers it, before the answer is read.
CREATE TABLE ceremonies (
  token   BYTEA   NOT NULL PRIMARY KEY CHECK (octet_length(token) = 32),
  purpose TEXT    NOT NULL,
  browser BYTEA   NOT NULL CHECK (octet_length(browser) = 32),
  user_id UUID REFERENCES accounts (id) ON DELETE CASCADE,
  state   TEXT    NOT NULL,
  made_at BIGINT  NOT NULL
);
CREATE INDEX ceremonies_of_user ON ceremonies (user_id);
