-- The same table as in ../sqlite; only the types differ.
-- Links that let somebody make an account, once. The account is in no other table until then.

CREATE TABLE invitations (
  token    BYTEA   NOT NULL PRIMARY KEY CHECK (octet_length(token) = 32),
  inviter  TEXT    NOT NULL CHECK (inviter IN ('operator', 'oneself')),
  login_id TEXT    NOT NULL,
  name     TEXT,
  email    TEXT,
  phone    TEXT,
  groups   TEXT    NOT NULL,
  ends_at  BIGINT  NOT NULL
);
CREATE INDEX invitations_of_login_id ON invitations (login_id);
