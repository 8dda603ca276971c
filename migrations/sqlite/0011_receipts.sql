-- Proofs that pay for one request each. A row is deleted by whoever spends it.
CREATE TABLE receipts (
  session_id BLOB    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  request    BLOB    NOT NULL CHECK (length(request) = 32), -- fingerprint
  method     TEXT    NOT NULL,
  proven_at  INTEGER NOT NULL,
  PRIMARY KEY (session_id, request)
) STRICT;

-- When somebody last used a session, and the longest time since the latest proof in which nobody did. What a page or an
-- open stream does by itself is no use.
ALTER TABLE sessions ADD COLUMN active_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN quiet INTEGER NOT NULL DEFAULT 0;
UPDATE sessions SET active_at = seen_at;
