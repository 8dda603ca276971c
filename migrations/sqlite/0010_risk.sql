-- The same tables as in ../postgres; only the types differ.

-- How unlike its owner's earlier sign-ins a sign-in is: a score of at most 100, and the names of what shows, with spaces between.
ALTER TABLE attempts ADD COLUMN risk_score INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN risk_signals TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN risk_score INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN risk_signals TEXT NOT NULL DEFAULT '';

-- What sign-ins leave behind for later ones to be compared with: the latest of each browser and subnet. Degrees are rounded to
-- tenths. What was in doubt counts later.
CREATE TABLE traces (
  user_id     BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  browser     BLOB    NOT NULL CHECK (length(browser) = 32),
  subnet      TEXT    NOT NULL,
  country     TEXT,
  latitude    REAL,
  longitude   REAL,
  left_at     INTEGER NOT NULL,
  counts_from INTEGER NOT NULL,
  PRIMARY KEY (user_id, browser, subnet)
) STRICT;
CREATE INDEX traces_of_browser ON traces (browser);
