-- The same tables as in ../sqlite; only the types differ.

-- What a key pair was made for: a passkey knows its user, a security key is touched by whoever holds it.
ALTER TABLE passkeys ADD COLUMN kind TEXT NOT NULL DEFAULT 'passkey';

-- Browsers that their users chose to have remembered. The secret is that of known_browsers.
CREATE TABLE devices (
  id         UUID   NOT NULL PRIMARY KEY,
  user_id    UUID   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  browser    BYTEA  NOT NULL CHECK (octet_length(browser) = 32),
  name       TEXT,
  created_at BIGINT NOT NULL,
  used_at    BIGINT,
  UNIQUE (user_id, browser)
);

-- Sign-ins on a new browser that were told to their owner, and can be ended by the link in that message. The session is
-- no reference: the link still says so when it is over.
CREATE TABLE undos (
  token      BYTEA  NOT NULL PRIMARY KEY CHECK (octet_length(token) = 32),
  user_id    UUID   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  session_id UUID   NOT NULL,
  browser    TEXT,
  made_at    BIGINT NOT NULL
);
CREATE INDEX undos_of_user ON undos (user_id);
