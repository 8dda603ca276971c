-- The same column as in ../sqlite; only the type differs.

-- Whose the time is in which the first second factor may be enrolled: the hash of the token of a half session, or the id of a
-- session, that brought a code from the mailbox; NULL where an operator gave it to whoever knows the password.
ALTER TABLE accounts ADD COLUMN enrol_for BYTEA;
