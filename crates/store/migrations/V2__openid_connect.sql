-- What is known about a person: JSON, claim by claim; NULL is nothing. What the account is called (name) is the claim "name":
-- it is in its own column and never in here. updated_at is when either changed last; NULL is not since created_at.
ALTER TABLE users ADD COLUMN claims TEXT;
ALTER TABLE users ADD COLUMN updated_at BIGINT;

-- The key that a grant's tokens are bound to, and the claims that were asked for one by one: JSON; NULL is none.
ALTER TABLE grants ADD COLUMN dpop_jkt TEXT;
ALTER TABLE grants ADD COLUMN claims TEXT;

-- Which clients, of those that can be told of its end, were signed in to in a session. offline is 1 where the client was
-- allowed to go on without the session. Rows whose session is gone are found by the sweeper.
CREATE TABLE session_clients (
    session_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    offline BIGINT NOT NULL,
    PRIMARY KEY (session_id, client_id)
);

-- Clients still to be told that a session has ended. attempts counts who took it on; nobody else does before next_at.
CREATE TABLE logouts (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at BIGINT NOT NULL
);
CREATE INDEX logouts_by_next ON logouts (next_at);
