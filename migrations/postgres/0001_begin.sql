-- The same tables as in ../sqlite; only the types differ. Times are milliseconds since 1970, UTC.
-- Tokens and codes are kept only as SHA-256 hashes of 32 bytes.

CREATE TABLE accounts (
  id                  UUID    NOT NULL PRIMARY KEY,
  login_id            TEXT COLLATE "C" NOT NULL UNIQUE,
  name                TEXT    NOT NULL,
  email               TEXT,
  groups              TEXT    NOT NULL, -- a JSON array of strings
  disabled            BOOLEAN NOT NULL,
  created_at          BIGINT  NOT NULL,
  enrol_until         BIGINT,
  password_id         UUID,
  password_phc        TEXT,
  password_changed_at BIGINT
);

CREATE TABLE totp_factors (
  id         UUID    NOT NULL PRIMARY KEY,
  user_id    UUID    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  name       TEXT    NOT NULL,
  sealed_key BYTEA   NOT NULL,
  spent_step BIGINT  NOT NULL,
  created_at BIGINT  NOT NULL,
  used_at    BIGINT
);
CREATE INDEX totp_factors_of_user ON totp_factors (user_id);

CREATE TABLE known_browsers (
  browser BYTEA   NOT NULL CHECK (octet_length(browser) = 32),
  user_id UUID    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  seen_at BIGINT  NOT NULL,
  PRIMARY KEY (user_id, browser)
);

CREATE TABLE signing_keys (
  id         TEXT    NOT NULL PRIMARY KEY,
  sealed     BYTEA   NOT NULL,
  created_at BIGINT  NOT NULL
);

-- Whoever must be alone updates the row of that name first, and holds it until their transaction ends.
CREATE TABLE turns (
  name  TEXT    NOT NULL PRIMARY KEY,
  taken BIGINT  NOT NULL
);
INSERT INTO turns (name, taken) VALUES ('signing_keys', 0);

CREATE TABLE attempts (
  token     BYTEA   NOT NULL PRIMARY KEY CHECK (octet_length(token) = 32),
  user_id   UUID    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  method    TEXT    NOT NULL,
  factor_id UUID    NOT NULL,
  proven_at BIGINT  NOT NULL
);
CREATE INDEX attempts_of_user ON attempts (user_id);

CREATE TABLE sessions (
  id         UUID    NOT NULL PRIMARY KEY,
  token      BYTEA   NOT NULL UNIQUE CHECK (octet_length(token) = 32),
  user_id    UUID    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  started_at BIGINT  NOT NULL,
  seen_at    BIGINT  NOT NULL
);
CREATE INDEX sessions_of_user ON sessions (user_id);

CREATE TABLE authentications (
  session_id UUID    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  factor_id  UUID    NOT NULL,
  method     TEXT    NOT NULL,
  proven_at  BIGINT  NOT NULL,
  PRIMARY KEY (session_id, factor_id)
);

CREATE TABLE handoffs (
  code       BYTEA   NOT NULL PRIMARY KEY CHECK (octet_length(code) = 32),
  session_id UUID    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  host       TEXT    NOT NULL,
  browser    BYTEA   NOT NULL CHECK (octet_length(browser) = 32),
  made_at    BIGINT  NOT NULL
);
CREATE INDEX handoffs_of_session ON handoffs (session_id);

CREATE TABLE children (
  token      BYTEA   NOT NULL PRIMARY KEY CHECK (octet_length(token) = 32),
  session_id UUID    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  host       TEXT    NOT NULL,
  UNIQUE (session_id, host)
);

-- The owner is no reference: an account can be deleted while a try against it is being counted.
CREATE TABLE budgets (
  key           TEXT    NOT NULL PRIMARY KEY,
  user_id       UUID,
  failures      BIGINT  NOT NULL,
  blocked_until BIGINT  NOT NULL,
  updated_at    BIGINT  NOT NULL
);
CREATE INDEX budgets_of_user ON budgets (user_id);
