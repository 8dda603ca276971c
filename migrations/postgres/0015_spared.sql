-- The same column as in ../sqlite; only the type differs.
-- Whether a remembered browser spared the second step of the sign-in.

ALTER TABLE sessions ADD COLUMN spared BOOLEAN NOT NULL DEFAULT FALSE;
