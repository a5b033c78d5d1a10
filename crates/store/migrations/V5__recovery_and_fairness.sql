-- What is still to be told to others: kind says what, recipient to whom, about of what. attempts counts which node took it on;
-- no other node does before next_at. A recipient's rows are next to one another, so that each is asked for by itself. logouts,
-- which this takes the place of, is for nodes of the release before.
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    recipient TEXT NOT NULL,
    user_id TEXT,
    about TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at BIGINT NOT NULL
);
CREATE INDEX outbox_by_recipient ON outbox (kind, recipient, next_at);
CREATE INDEX outbox_by_age ON outbox (created_at);

-- A mark says by which clock things were forgotten; number rises with each change of it, so that one which was set back is still
-- the later one. forgotten is until when something could be good again that was deleted, 0 for nothing. NULL, as the release
-- before writes it, is not known: as far as the mark.
ALTER TABLE time_marks ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
ALTER TABLE time_marks ADD COLUMN forgotten BIGINT;

-- Sessions are kept to their absolute end: what rests on one does not end because its browser idles. Without the index by idle end, a
-- visit rewrites no index entry.
DROP INDEX sessions_by_end;
CREATE INDEX sessions_by_absolute_end ON sessions (absolute_expires_at);

-- Which generations of a refresh token were given again, as far as they follow one another: the last one, how many in a row, and the
-- request that counted it.
ALTER TABLE grants ADD COLUMN retried_generation BIGINT;
ALTER TABLE grants ADD COLUMN retried_in_a_row BIGINT NOT NULL DEFAULT 0;
ALTER TABLE grants ADD COLUMN retried_by TEXT;

-- What checking a password against its hash costs (m=…,t=…,p=…), in the open beside the sealed hash: a name that has no hash
-- costs as much as one that has. NULL where an older release wrote the hash.
ALTER TABLE credentials ADD COLUMN cost TEXT;
CREATE INDEX credentials_by_cost ON credentials (kind, cost);

-- Which master key wraps each row of keys, by its id. NULL is the one in meta.key_check: no other had been there.
ALTER TABLE keys ADD COLUMN master TEXT;

-- Every master key there was since the first was replaced. place is 'active' or 'next', NULL once it is retired; next with
-- wrapping = 1 wraps what is written from then on. An id never comes back: a key that was lost must not.
CREATE TABLE master_keys (
    id TEXT PRIMARY KEY,
    place TEXT UNIQUE,
    wrapping BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);

-- What running nodes answer to the announcement of a master key: proof is a MAC that only the key makes, NULL where a node
-- lacks it. Emptied when the key is active.
CREATE TABLE master_key_answers (
    node TEXT NOT NULL,
    master TEXT NOT NULL,
    proof TEXT,
    answered_at BIGINT NOT NULL,
    PRIMARY KEY (node, master)
);

-- Which key a credential is sealed with, and which a client secret is hashed with; NULL is one of the release before. A retired
-- key stays as long as a row names it.
ALTER TABLE credentials ADD COLUMN sealed_by BIGINT;
ALTER TABLE client_secrets ADD COLUMN hashed_by BIGINT;
