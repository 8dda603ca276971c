-- The same tables as in ../postgres; only the types differ.

-- What a key pair was made for: a passkey knows its user, a security key is touched by whoever holds it.
ALTER TABLE passkeys ADD COLUMN kind TEXT NOT NULL DEFAULT 'passkey';

-- Browsers that their users chose to have remembered. The secret is that of known_browsers.
CREATE TABLE devices (
  id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  user_id    BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  browser    BLOB    NOT NULL CHECK (length(browser) = 32),
  name       TEXT,
  created_at INTEGER NOT NULL,
  used_at    INTEGER,
  UNIQUE (user_id, browser)
) STRICT;

-- Sign-ins on a new browser that were told to their owner, and can be ended by the link in that message. The session is
-- no reference: the link still says so when it is over.
CREATE TABLE undos (
  token      BLOB    NOT NULL PRIMARY KEY CHECK (length(token) = 32),
  user_id    BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  session_id BLOB    NOT NULL CHECK (length(session_id) = 16),
  browser    TEXT,
  made_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX undos_of_user ON undos (user_id);
