-- The same table as in ../postgres; only the types differ.
-- Links that let somebody choose a new password. Those of nobody can't be redeemed: they are there so that a name that nobody has
-- costs what any other does.

CREATE TABLE password_resets (
  token   BLOB    NOT NULL PRIMARY KEY CHECK (length(token) = 32),
  user_id BLOB REFERENCES accounts (id) ON DELETE CASCADE,
  made_at INTEGER NOT NULL
) STRICT;
CREATE INDEX password_resets_of_user ON password_resets (user_id);
