-- The same column as in ../sqlite; only the type differs.
-- How many answers were compared with a code: after a few it is over, whoever gives them from wherever.

ALTER TABLE codes ADD COLUMN guesses BIGINT NOT NULL DEFAULT 0;
