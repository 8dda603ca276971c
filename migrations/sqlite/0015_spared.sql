-- The same column as in ../postgres; only the type differs.
-- Whether a remembered browser spared the second step of the sign-in.

ALTER TABLE sessions ADD COLUMN spared INTEGER NOT NULL DEFAULT 0 CHECK (spared IN (0, 1));
