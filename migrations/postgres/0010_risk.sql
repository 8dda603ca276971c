-- The same tables as in ../sqlite; only the types differ.

-- How unlike its owner's earlier sign-ins a sign-in is: a score of at most 100, and the names of what shows, with spaces between.
ALTER TABLE attempts ADD COLUMN risk_score BIGINT NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN risk_signals TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN risk_score BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN risk_signals TEXT NOT NULL DEFAULT '';

-- What sign-ins leave behind for later ones to be compared with: the latest of each browser and subnet. Degrees are rounded to
-- tenths. What was in doubt counts later.
CREATE TABLE traces (
  user_id     UUID             NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  browser     BYTEA            NOT NULL CHECK (octet_length(browser) = 32),
  subnet      TEXT             NOT NULL,
  country     TEXT,
  latitude    DOUBLE PRECISION,
  longitude   DOUBLE PRECISION,
  left_at     BIGINT           NOT NULL,
  counts_from BIGINT           NOT NULL,
  PRIMARY KEY (user_id, browser, subnet)
);
CREATE INDEX traces_of_browser ON traces (browser);
