-- The same tables as in ../postgres; only the types differ. Times are milliseconds since 1970, UTC.
-- Ids are 16 bytes, tokens and codes are kept only as SHA-256 hashes of 32 bytes.

CREATE TABLE accounts (
  id                  BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  login_id            TEXT    NOT NULL UNIQUE,
  name                TEXT    NOT NULL,
  email               TEXT,
  groups              TEXT    NOT NULL, -- a JSON array of strings
  disabled            INTEGER NOT NULL CHECK (disabled IN (0, 1)),
  created_at          INTEGER NOT NULL,
  enrol_until         INTEGER,
  password_id         BLOB,
  password_phc        TEXT,
  password_changed_at INTEGER
) STRICT;

CREATE TABLE totp_factors (
  id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  user_id    BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  name       TEXT    NOT NULL,
  sealed_key BLOB    NOT NULL,
  spent_step INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  used_at    INTEGER
) STRICT;
CREATE INDEX totp_factors_of_user ON totp_factors (user_id);

CREATE TABLE known_browsers (
  browser BLOB    NOT NULL CHECK (length(browser) = 32),
  user_id BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  seen_at INTEGER NOT NULL,
  PRIMARY KEY (user_id, browser)
) STRICT;

CREATE TABLE signing_keys (
  id         TEXT    NOT NULL PRIMARY KEY,
  sealed     BLOB    NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

-- Whoever must be alone updates the row of that name first, and holds it until their transaction ends.
CREATE TABLE turns (
  name  TEXT    NOT NULL PRIMARY KEY,
  taken INTEGER NOT NULL
) STRICT;
INSERT INTO turns (name, taken) VALUES ('signing_keys', 0);

CREATE TABLE attempts (
  token     BLOB    NOT NULL PRIMARY KEY CHECK (length(token) = 32),
  user_id   BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  method    TEXT    NOT NULL,
  factor_id BLOB    NOT NULL,
  proven_at INTEGER NOT NULL
) STRICT;
CREATE INDEX attempts_of_user ON attempts (user_id);

CREATE TABLE sessions (
  id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  token      BLOB    NOT NULL UNIQUE CHECK (length(token) = 32),
  user_id    BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  started_at INTEGER NOT NULL,
  seen_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_of_user ON sessions (user_id);

CREATE TABLE authentications (
  session_id BLOB    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  factor_id  BLOB    NOT NULL CHECK (length(factor_id) = 16),
  method     TEXT    NOT NULL,
  proven_at  INTEGER NOT NULL,
  PRIMARY KEY (session_id, factor_id)
) STRICT;

CREATE TABLE handoffs (
  code       BLOB    NOT NULL PRIMARY KEY CHECK (length(code) = 32),
  session_id BLOB    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  host       TEXT    NOT NULL,
  browser    BLOB    NOT NULL CHECK (length(browser) = 32),
  made_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX handoffs_of_session ON handoffs (session_id);

CREATE TABLE children (
  token      BLOB    NOT NULL PRIMARY KEY CHECK (length(token) = 32),
  session_id BLOB    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  host       TEXT    NOT NULL,
  UNIQUE (session_id, host)
) STRICT;

-- The owner is no reference: an account can be deleted while a try against it is being counted.
CREATE TABLE budgets (
  key           TEXT    NOT NULL PRIMARY KEY,
  user_id       BLOB,
  failures      INTEGER NOT NULL,
  blocked_until INTEGER NOT NULL,
  updated_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX budgets_of_user ON budgets (user_id);
