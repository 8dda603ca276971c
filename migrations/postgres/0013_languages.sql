-- The same column as in ../sqlite.
-- In which language somebody is written to; NULL where nobody knows.

ALTER TABLE accounts ADD COLUMN language TEXT CHECK (language IN ('en', 'de', 'fr', 'es'));
