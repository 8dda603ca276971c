-- The same tables as in ../postgres; only the types differ.

CREATE TABLE contacts (
  id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  user_id     BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  kind        TEXT    NOT NULL CHECK (kind IN ('email', 'phone')),
  address     TEXT    NOT NULL,
  verified_at INTEGER,
  UNIQUE (user_id, kind)
) STRICT;

-- An operator wrote these, and vouched for them. What can't be an e-mail address is left behind.
INSERT INTO contacts (id, user_id, kind, address, verified_at)
SELECT randomblob(16), id, 'email', email, created_at FROM accounts
WHERE email LIKE '_%@_%._%' AND email NOT LIKE '%@%@%' AND length(email) <= 254 AND instr(email, '@') <= 65
  AND email NOT GLOB '*[^A-Za-z0-9.@_+-]*' AND email NOT LIKE '%..%' AND email NOT LIKE '.%'
  AND email NOT LIKE '%.@%' AND email NOT LIKE '%@.%' AND email GLOB '*[A-Za-z]';
ALTER TABLE accounts DROP COLUMN email;

-- Codes and links that were sent: the newest of each browser and purpose. Each is deleted by whoever uses it.
CREATE TABLE codes (
  browser   BLOB    NOT NULL CHECK (length(browser) = 32),
  purpose   TEXT    NOT NULL,
  user_id   BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  method    TEXT    NOT NULL,
  address   TEXT    NOT NULL,
  factor_id BLOB    NOT NULL CHECK (length(factor_id) = 16),
  sealed    BLOB    NOT NULL,
  sent_at   INTEGER NOT NULL,
  PRIMARY KEY (browser, purpose)
) STRICT;
CREATE INDEX codes_of_user ON codes (user_id);
