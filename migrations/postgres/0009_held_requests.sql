-- Form submissions that wait while their sender proves something. What they say is sealed; what they are bound to is not.
CREATE TABLE held_requests (
  token      BYTEA  NOT NULL PRIMARY KEY CHECK (octet_length(token) = 32),
  place      BYTEA  NOT NULL CHECK (octet_length(place) = 32), -- hash of host and target
  browser    BYTEA  NOT NULL CHECK (octet_length(browser) = 32),
  user_id    UUID   REFERENCES accounts (id) ON DELETE CASCADE,
  session_id UUID, -- no reference: a request outlives the session that it was sent in
  address    TEXT   NOT NULL,
  size       BIGINT NOT NULL,
  head       BYTEA, -- there once the whole body is
  made_at    BIGINT NOT NULL,
  taken_at   BIGINT
);
CREATE INDEX held_requests_of_session ON held_requests (session_id);
CREATE INDEX held_requests_of_address ON held_requests (address);
CREATE INDEX held_requests_of_user ON held_requests (user_id);

CREATE TABLE held_parts (
  token  BYTEA  NOT NULL REFERENCES held_requests (token) ON DELETE CASCADE,
  number BIGINT NOT NULL,
  sealed BYTEA  NOT NULL CHECK (octet_length(sealed) <= 65536),
  PRIMARY KEY (token, number)
);

INSERT INTO turns (name, taken) VALUES ('held_requests', 0);
