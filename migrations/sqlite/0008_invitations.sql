-- The same table as in ../postgres; only the types differ.
-- Links that let somebody make an account, once. The account is in no other table until then.

CREATE TABLE invitations (
  token    BLOB    NOT NULL PRIMARY KEY CHECK (length(token) = 32),
  inviter  TEXT    NOT NULL CHECK (inviter IN ('operator', 'oneself')),
  login_id TEXT    NOT NULL,
  name     TEXT,
  email    TEXT,
  phone    TEXT,
  groups   TEXT    NOT NULL,
  ends_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX invitations_of_login_id ON invitations (login_id);
