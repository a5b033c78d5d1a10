-- One row: whose database this is. Era counts its histories; a restore begins a new one.
CREATE TABLE meta (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    issuer TEXT NOT NULL,
    cluster_id TEXT NOT NULL,
    era BIGINT NOT NULL,
    key_check TEXT NOT NULL
);

-- One row, raised in the unit of every administrative write: whoever holds a copy of the catalog looks here first.
CREATE TABLE revision (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    number BIGINT NOT NULL
);
INSERT INTO revision (one, number) VALUES (1, 0);

-- A deleted user keeps the row, so that a sub is never given twice; the name is free again (username_key is NULL).
CREATE TABLE users (
    id TEXT PRIMARY KEY,
    username TEXT NOT NULL,
    username_key TEXT UNIQUE,
    name TEXT,
    epoch BIGINT NOT NULL,
    locked_at BIGINT,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT
);

CREATE TABLE credentials (
    user_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, kind, name)
);

-- Ending a session is deleting its row. idle_expires_at never lies behind absolute_expires_at, so it alone decides.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    hash BYTEA NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    user_epoch BIGINT NOT NULL,
    auth_time BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    absolute_expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_of_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (idle_expires_at);

-- A deleted client keeps the row, so that a client_id is never given twice.
CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    registration TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    declared BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT
);

CREATE TABLE client_secrets (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL,
    hash BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);
CREATE INDEX client_secrets_of_client ON client_secrets (client_id);

CREATE TABLE scopes (
    name TEXT PRIMARY KEY,
    position BIGINT NOT NULL,
    description TEXT NOT NULL
);

CREATE TABLE resources (
    uri TEXT PRIMARY KEY,
    position BIGINT NOT NULL,
    description TEXT NOT NULL
);

-- What a user lets a client have without being asked again: JSON, audience to scope.
CREATE TABLE consents (
    user_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    scopes TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
);

-- A row is the grant while it lives and its tombstone until forget_at: no foreign key leads here, nothing cascades.
-- attempt made the row, rotated_by made the current generation, revoked_by ended it: each write can recognise itself.
CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    code_id TEXT NOT NULL,
    attempt TEXT NOT NULL,
    era BIGINT NOT NULL,
    client_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    offline BIGINT NOT NULL,
    scope TEXT NOT NULL,
    audience TEXT NOT NULL,
    auth_time BIGINT NOT NULL,
    user_epoch BIGINT NOT NULL,
    client_epoch BIGINT NOT NULL,
    consent_epoch BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    rotated_at BIGINT NOT NULL,
    rotated_by TEXT,
    retries BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    forget_at BIGINT NOT NULL,
    revoked_at BIGINT,
    revoked_reason TEXT,
    revoked_by TEXT
);
-- Without the tombstones: how many of them a user has must not slow down the next redemption.
-- Holds all that the search for the oldest asks, so that a redemption reads no other grant's row.
CREATE INDEX grants_not_revoked ON grants (user_id, client_id, created_at, id, expires_at, revoked_at) WHERE revoked_at IS NULL;
CREATE INDEX grants_by_end ON grants (forget_at);

-- Who could hold a grant now, and under which epochs. Every use of a grant asks this view and keeps no copy of the answer.
CREATE VIEW parties AS
SELECT m.era AS era,
       u.id AS user_id, u.epoch AS user_epoch,
       c.id AS client_id, c.epoch AS client_epoch,
       COALESCE(k.epoch, 0) AS consent_epoch
FROM meta m
CROSS JOIN users u
CROSS JOIN clients c
LEFT JOIN consents k ON k.user_id = u.id AND k.client_id = c.id
WHERE u.locked_at IS NULL AND u.deleted_at IS NULL AND c.enabled = 1 AND c.deleted_at IS NULL;

-- What may be used once: the jti of client assertions and the like, hashed.
CREATE TABLE used_ids (
    kind TEXT NOT NULL,
    owner TEXT NOT NULL,
    hash BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (kind, owner, hash)
);
CREATE INDEX used_ids_by_end ON used_ids (expires_at);

CREATE TABLE revoked_tokens (
    jti TEXT PRIMARY KEY,
    client_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX revoked_tokens_by_end ON revoked_tokens (expires_at);

CREATE TABLE keys (
    id BIGINT PRIMARY KEY,
    purpose TEXT NOT NULL,
    state TEXT NOT NULL,
    sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    activated_at BIGINT,
    retired_at BIGINT
);
-- Of two nodes that start at the same time, one makes the keys.
CREATE UNIQUE INDEX keys_one_active ON keys (purpose) WHERE state = 'active';
CREATE UNIQUE INDEX keys_one_next ON keys (purpose) WHERE state = 'next';

-- Changes of state that matter to security and administration; an id sorts by its time.
CREATE TABLE events (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    user_id TEXT,
    client_id TEXT,
    grant_id TEXT,
    detail TEXT
);
