-- The same column as in ../postgres; only the type differs.
-- When the last of an account's traces that were swept had been left: whoever was away for so long has signed in before.

ALTER TABLE accounts ADD COLUMN last_forgotten_trace INTEGER;
