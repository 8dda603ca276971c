-- The same table as in ../sqlite; only the types differ.
-- A code is found by its first letters and checked against its hash; it is used once, and the row stays until the set is
-- replaced, so that a used code can be told from a wrong one.

CREATE TABLE recovery_codes (
  user_id UUID    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  set_id  UUID    NOT NULL,
  head    TEXT    NOT NULL,
  phc     TEXT    NOT NULL,
  used_at BIGINT,
  PRIMARY KEY (user_id, head)
);
