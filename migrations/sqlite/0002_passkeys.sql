-- The same tables as in ../postgres; only the types differ.

CREATE TABLE passkeys (
  id            BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  user_id       BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  name          TEXT    NOT NULL,
  credential_id BLOB    NOT NULL UNIQUE CHECK (length(credential_id) <= 1023),
  credential    TEXT    NOT NULL,
  created_at    INTEGER NOT NULL,
  used_at       INTEGER
) STRICT;
CREATE INDEX passkeys_of_user ON passkeys (user_id);

-- Challenges that were sent out; each is deleted by whoever answers it, before the answer is read.
CREATE TABLE ceremonies (
  token   BLOB    NOT NULL PRIMARY KEY CHECK (length(token) = 32),
  purpose TEXT    NOT NULL,
  browser BLOB    NOT NULL CHECK (length(browser) = 32),
  user_id BLOB REFERENCES accounts (id) ON DELETE CASCADE,
  state   TEXT    NOT NULL,
  made_at INTEGER NOT NULL
) STRICT;
CREATE INDEX ceremonies_of_user ON ceremonies (user_id);
