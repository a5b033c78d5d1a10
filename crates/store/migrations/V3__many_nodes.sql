-- What each node has counted of guessed passwords: one row for each process, of bounded size, written at most once for each
-- look of that node. Its keys are keyed hashes: the row names nobody. A row that was not written for a day is swept.
CREATE TABLE guesses (
    node TEXT PRIMARY KEY,
    version BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    spent BYTEA NOT NULL
);

-- From where accounts have signed in: the keyed hash of account and address together.
CREATE TABLE familiar_addresses (
    hash BYTEA PRIMARY KEY,
    until BIGINT NOT NULL
);
CREATE INDEX familiar_addresses_by_end ON familiar_addresses (until);

-- The latest time by which anything was forgotten, in each history. A node whose clock lies before it could accept again
-- what nobody remembers any more.
CREATE TABLE time_marks (
    era BIGINT PRIMARY KEY,
    at BIGINT NOT NULL
);
