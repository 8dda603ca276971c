-- The same tables as in ../sqlite; only the types differ.

CREATE TABLE contacts (
  id          UUID    NOT NULL PRIMARY KEY,
  user_id     UUID    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  kind        TEXT    NOT NULL CHECK (kind IN ('email', 'phone')),
  address     TEXT    NOT NULL,
  verified_at BIGINT,
  UNIQUE (user_id, kind)
);

-- An operator wrote these, and vouched for them. What can't be an e-mail address is left behind.
INSERT INTO contacts (id, user_id, kind, address, verified_at)
SELECT gen_random_uuid(), id, 'email', email, created_at FROM accounts
WHERE email LIKE '_%@_%._%' AND email NOT LIKE '%@%@%' AND length(email) <= 254 AND position('@' IN email) <= 65
  AND email !~ '[^A-Za-z0-9.@_+-]' AND email NOT LIKE '%..%' AND email NOT LIKE '.%'
  AND email NOT LIKE '%.@%' AND email NOT LIKE '%@.%' AND email ~ '[A-Za-z]$';
ALTER TABLE accounts DROP COLUMN email;

-- Codes and links that were sent: the newest of each browser and purpose. Each is deleted by whoever uses it.
CREATE TABLE codes (
  browser   BYTEA  NOT NULL CHECK (octet_length(browser) = 32),
  purpose   TEXT   NOT NULL,
  user_id   UUID   NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  method    TEXT   NOT NULL,
  address   TEXT   NOT NULL,
  factor_id UUID   NOT NULL,
  sealed    BYTEA  NOT NULL,
  sent_at   BIGINT NOT NULL,
  PRIMARY KEY (browser, purpose)
);
CREATE INDEX codes_of_user ON codes (user_id);
