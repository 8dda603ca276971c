-- Form submissions that wait while their sender proves something. What they say is sealed; what they are bound to is not.
CREATE TABLE held_requests (
  token      BLOB    NOT NULL PRIMARY KEY CHECK (length(token) = 32),
  place      BLOB    NOT NULL CHECK (length(place) = 32), -- hash of host and target
  browser    BLOB    NOT NULL CHECK (length(browser) = 32),
  user_id    BLOB    REFERENCES accounts (id) ON DELETE CASCADE,
  session_id BLOB, -- no reference: a request outlives the session that it was sent in
  address    TEXT    NOT NULL,
  size       INTEGER NOT NULL,
  head       BLOB, -- there once the whole body is
  made_at    INTEGER NOT NULL,
  taken_at   INTEGER
) STRICT;
CREATE INDEX held_requests_of_session ON held_requests (session_id);
CREATE INDEX held_requests_of_address ON held_requests (address);
CREATE INDEX held_requests_of_user ON held_requests (user_id);

CREATE TABLE held_parts (
  token  BLOB    NOT NULL REFERENCES held_requests (token) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  sealed BLOB    NOT NULL CHECK (length(sealed) <= 65536),
  PRIMARY KEY (token, number)
) STRICT;

INSERT INTO turns (name, taken) VALUES ('held_requests', 0);
