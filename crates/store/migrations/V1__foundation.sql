-- One row: whose database this is. Era counts its histories; a restore begins a new one.
CREATE TABLE meta (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    issuer TEXT NOT NULL,
    cluster_id TEXT NOT NULL,
    era BIGINT NOT NULL,
    key_check TEXT NOT NULL
);

-- The latest time by which anything was forgotten, in each history: a node whose clock lies before it could accept again what no
-- row remembers any more. number rises with each change of a mark, so that one which was set back is still the later one.
-- forgotten is until when something could be good again that was deleted, 0 for nothing.
CREATE TABLE time_marks (
    era BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    number BIGINT NOT NULL,
    forgotten BIGINT NOT NULL
);

-- One row, raised in the unit of every administrative write: a node that holds a copy of the catalog looks here first.
CREATE TABLE revision (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    number BIGINT NOT NULL
);
INSERT INTO revision (one, number) VALUES (1, 0);

-- A deleted user keeps the row, so that a sub is never given twice; the name is free again (username_key is NULL).
-- username_bytes is username_key as bytes: lists and searches by the beginning of a name go by it, in one order whatever the collation.
-- What is known about a person is in claims: JSON, claim by claim; NULL is nothing. What the account is called (name) is the claim
-- "name": it is in its own column and never in there. updated_at is when either changed last. declined_offers
-- names what its user was offered after a sign-in and did not want. passkey_handle is the random name by which authenticators know the
-- account, from its first passkey on.
-- link_version only rises: one-time links are good for the version that they were made of. address_key is the one form of the mail address
-- that is known to be the user's, NULL without one: several users may share an address. email_key is what is in claims, proved or not, in
-- lower case. version rises with each change of what SCIM shows of a user, and labels is what it alone keeps: JSON, of which type an address is
-- and the like.
CREATE TABLE users (
    id TEXT PRIMARY KEY,
    username TEXT NOT NULL,
    username_key TEXT UNIQUE,
    username_bytes BYTEA,
    name TEXT,
    epoch BIGINT NOT NULL,
    link_version BIGINT NOT NULL DEFAULT 1,
    address_key TEXT,
    email_key TEXT,
    claims TEXT,
    labels TEXT,
    version BIGINT NOT NULL DEFAULT 1,
    locked_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    declined_offers TEXT,
    passkey_handle BYTEA
);
CREATE INDEX users_by_name ON users (username_bytes);
CREATE INDEX users_by_address ON users (address_key);
CREATE INDEX users_by_email ON users (email_key) WHERE email_key IS NOT NULL;
-- For pages of all of them, and to count them.
CREATE INDEX users_in_use ON users (id) WHERE deleted_at IS NULL;

-- cost is what checking a password against its hash costs (m=…,t=…,p=…; bcrypt,c=…), in the open beside the sealed hash, so that a name that
-- has no hash costs as much as one that has; NULL is a hash that can't be checked. sealed_by is the key it is sealed with: a
-- retired key stays as long as a row names it. counter only rises: the time step of the last code of an authenticator app.
CREATE TABLE credentials (
    user_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    sealed_by BIGINT NOT NULL,
    cost TEXT,
    counter BIGINT,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, kind, name)
);
CREATE INDEX credentials_by_cost ON credentials (kind, cost);

-- Passkeys, each under the name that its authenticator gave it: no two users have one of the same name. public_key is as COSE writes it,
-- its algorithm with it; nothing here is secret. sign_count only rises. backup_eligible is 1 where the key may be copied to other
-- devices of its owner, and never becomes 0 again; backed_up says whether it is. rp_id is the host that it is good at.
CREATE TABLE passkeys (
    id BYTEA PRIMARY KEY,
    user_id TEXT NOT NULL,
    public_key BYTEA NOT NULL,
    sign_count BIGINT NOT NULL,
    backup_eligible BIGINT NOT NULL,
    backed_up BIGINT NOT NULL,
    transports TEXT NOT NULL,
    rp_id TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE INDEX passkeys_of_user ON passkeys (user_id);

-- The recovery codes that a user has left, each good once. hashed_by is the key it is hashed with: a retired key stays as long as a row
-- names it.
CREATE TABLE recovery_codes (
    user_id TEXT NOT NULL,
    hash BYTEA NOT NULL,
    hashed_by BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, hash)
);

-- How many codes were judged for a user, on all nodes, and were not right; from resets_at on the count begins anew. A row for each
-- user who has typed one.
CREATE TABLE second_factor_guesses (
    user_id TEXT PRIMARY KEY,
    judged BIGINT NOT NULL,
    resets_at BIGINT NOT NULL
);

-- What people belong to, by name. Where second_factor_required is 1, its members have to prove a second factor, whatever they sign in
-- to: looked up at every request of theirs. Where declared is 1, the configuration says what the group is; who belongs to it, it never says.
-- id is what SCIM calls a group, never given twice; version rises with each change of it and of who is in it, and changed_at is when that was
-- last.
CREATE TABLE groups (
    name TEXT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    display TEXT,
    second_factor_required BIGINT NOT NULL,
    declared BIGINT NOT NULL,
    version BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
-- People read the one or the other, and no two groups read alike.
CREATE UNIQUE INDEX groups_by_display ON groups (COALESCE(display, name));

CREATE TABLE group_members (
    user_id TEXT NOT NULL,
    group_name TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, group_name)
);
CREATE INDEX members_of_group ON group_members (group_name, user_id);

-- What a client of SCIM calls a user or a group, kind says which, by its own id: never by ours, and by no other client's.
CREATE TABLE external_ids (
    client_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    external_id TEXT NOT NULL,
    PRIMARY KEY (client_id, kind, resource_id)
);
CREATE INDEX external_ids_by_name ON external_ids (client_id, kind, external_id);
CREATE INDEX external_ids_of_resource ON external_ids (resource_id);

-- Ending a session is deleting its row. It is kept to its absolute end: what rests on it does not end because its browser idles.
-- No index holds the idle end, so that a visit rewrites no index entry. factors is by what the user proved who they are, and when by
-- each: names and Unix seconds. device is the kind of its browser and of the system, each a name of a table in the program, with a slash
-- between them: nothing that was sent.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    hash BYTEA NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    user_epoch BIGINT NOT NULL,
    factors TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    absolute_expires_at BIGINT NOT NULL,
    device TEXT NOT NULL
);
CREATE INDEX sessions_of_user ON sessions (user_id);
CREATE INDEX sessions_by_absolute_end ON sessions (absolute_expires_at);

-- Which clients, of those that can be told of its end, were signed in to in a session. offline is 1 where the client was
-- allowed to go on without the session. A row goes with its session, and at ends_at at the latest: the session's absolute end.
CREATE TABLE session_clients (
    session_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    offline BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    PRIMARY KEY (session_id, client_id)
);
CREATE INDEX session_clients_by_end ON session_clients (ends_at);

-- A deleted client keeps the row, so that a client_id is never given twice. version rises with each change of the registration: a
-- change is made of the one that was read, or not at all. groups names those whose members may use it, a line each; NULL is everybody.
CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    registration TEXT NOT NULL,
    version BIGINT NOT NULL,
    enabled BIGINT NOT NULL,
    declared BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    groups TEXT,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT
);

-- The same as clients.groups has it, a row each: written in the unit that writes that.
CREATE TABLE client_groups (
    client_id TEXT NOT NULL,
    group_name TEXT NOT NULL,
    PRIMARY KEY (client_id, group_name)
);
CREATE INDEX clients_of_group ON client_groups (group_name, client_id);

-- hashed_by is the key it is hashed with: a retired key stays as long as a row names it. by_kind and by_name say who made it, as in events;
-- last_four is how it ends, where that gives nothing away; last_used_at is right within an hour.
CREATE TABLE client_secrets (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL,
    hash BYTEA NOT NULL,
    hashed_by BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    by_kind TEXT NOT NULL,
    by_name TEXT,
    last_four TEXT,
    last_used_at BIGINT
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
-- retried_generation, retried_in_a_row and retried_by: which generations of a refresh token were given again, as far as they follow
-- one another: the last one, how many in a row, and the request that counted it. dpop_jkt is the key that the tokens are bound to,
-- claims are those that were asked for one by one: JSON; NULL is none. factors is how the user signed in, as in sessions, and acr the
-- name of what that amounts to.
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
    factors TEXT NOT NULL,
    acr TEXT NOT NULL,
    user_epoch BIGINT NOT NULL,
    client_epoch BIGINT NOT NULL,
    consent_epoch BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    rotated_at BIGINT NOT NULL,
    rotated_by TEXT,
    retries BIGINT NOT NULL,
    retried_generation BIGINT,
    retried_in_a_row BIGINT NOT NULL,
    retried_by TEXT,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    forget_at BIGINT NOT NULL,
    revoked_at BIGINT,
    revoked_reason TEXT,
    revoked_by TEXT,
    dpop_jkt TEXT,
    claims TEXT
);
-- Without the tombstones: how many of them a user has must not slow down the next redemption.
-- Holds all that the search for the oldest asks, so that a redemption reads no other grant's row.
-- For statements that look by user, and for no others: it is only taken by one that says the second half of its condition. Without
-- that half, PostgreSQL preferred it to the primary key for a grant asked for by its id while there were none, because a partial
-- index of an empty table costs nothing, and went on reading all of it when there were many.
CREATE INDEX grants_of_user ON grants (user_id, client_id, created_at, id, expires_at, revoked_at)
    WHERE revoked_at IS NULL AND user_id <> '';
CREATE INDEX grants_by_end ON grants (forget_at);
-- For what guards are told of one user, and for no other statement, in the same way.
CREATE INDEX grants_ended ON grants (user_id, revoked_at) WHERE revoked_at IS NOT NULL AND user_id <> '';

-- Liveness is named here, and copied nowhere: who may sign in, which clients may be used, and who could hold a grant now, under which
-- epochs.
CREATE VIEW live_users AS
SELECT id, username, epoch, declined_offers FROM users WHERE locked_at IS NULL AND deleted_at IS NULL;

CREATE VIEW live_clients AS
SELECT id, epoch, groups FROM clients WHERE enabled = 1 AND deleted_at IS NULL;

CREATE VIEW parties AS
SELECT m.era AS era,
       u.id AS user_id, u.epoch AS user_epoch,
       c.id AS client_id, c.epoch AS client_epoch,
       COALESCE(k.epoch, 0) AS consent_epoch
FROM meta m
CROSS JOIN live_users u
CROSS JOIN live_clients c
LEFT JOIN consents k ON k.user_id = u.id AND k.client_id = c.id
WHERE c.groups IS NULL
   OR EXISTS (SELECT 1 FROM client_groups cg JOIN group_members gm ON gm.group_name = cg.group_name
              WHERE cg.client_id = c.id AND gm.user_id = u.id);

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

-- master names the master key that wraps the row.
CREATE TABLE keys (
    id BIGINT PRIMARY KEY,
    purpose TEXT NOT NULL,
    state TEXT NOT NULL,
    sealed TEXT NOT NULL,
    master TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    activated_at BIGINT,
    retired_at BIGINT
);
-- Of two nodes that start at the same time, one makes the keys.
CREATE UNIQUE INDEX keys_one_active ON keys (purpose) WHERE state = 'active';
CREATE UNIQUE INDEX keys_one_next ON keys (purpose) WHERE state = 'next';

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

-- What each node has counted of guessed passwords: one row for each process, of bounded size, written at most once for each
-- poll of that node. Its keys are keyed hashes: the row names no user. A row that was not written for a day is swept.
CREATE TABLE guesses (
    node TEXT PRIMARY KEY,
    version BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    spent BYTEA NOT NULL
);

-- What is still to be told to others: kind says what, recipient to whom, about of what. attempts counts which node took it on;
-- no other node does before next_at. last_answer is what came of it the last time, NULL before that. A recipient's rows are next to one another, so that each is asked for by itself.
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    recipient TEXT NOT NULL,
    user_id TEXT,
    about TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    last_answer TEXT
);
CREATE INDEX outbox_by_recipient ON outbox (kind, recipient, next_at);
CREATE INDEX outbox_by_age ON outbox (created_at);

-- What was given up of it, for a week: an administrator may let it be tried again.
CREATE TABLE given_up_messages (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    recipient TEXT NOT NULL,
    user_id TEXT,
    about TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    last_answer TEXT,
    given_up_at BIGINT NOT NULL
);
CREATE INDEX given_up_messages_by_age ON given_up_messages (given_up_at);

-- Keys of requests of administrators (Idempotency-Key), each as a hash of who asked and the key, for a day. answer is what was answered, sealed;
-- NULL while that is not known.
CREATE TABLE idempotency_keys (
    hash BYTEA PRIMARY KEY,
    request BYTEA NOT NULL,
    answer TEXT,
    expires_at BIGINT NOT NULL
);
CREATE INDEX idempotency_keys_by_end ON idempotency_keys (expires_at);

-- How many mails of a topic went to an address of late; from resets_at on the count begins anew. recipient is a hash of the address, so
-- that no list of who was written to is kept. last_mail is the mail that was counted last: a write recognises its own.
CREATE TABLE mail_budgets (
    recipient BYTEA NOT NULL,
    topic TEXT NOT NULL,
    mails BIGINT NOT NULL,
    resets_at BIGINT NOT NULL,
    last_mail TEXT NOT NULL,
    PRIMARY KEY (recipient, topic)
);
CREATE INDEX mail_budgets_by_reset ON mail_budgets (resets_at);

-- Changes of state that matter to security and administration; an id sorts by its time. Who did it: by_kind says what they are
-- ('person', 'client', 'shell', 'server', 'unknown') and by_name which of those, door is by which they came, address from where, and
-- correlation_id in which request. times is how often, where several are one row, and name_hash the keyed hash of a name that was typed and
-- may be nobody's: of sign-ins that failed, which are swept sooner. number is the place in the order in which events appear, given once
-- the event is committed and somebody follows; NULL before that.
CREATE TABLE events (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    user_id TEXT,
    client_id TEXT,
    grant_id TEXT,
    detail TEXT,
    by_kind TEXT NOT NULL,
    by_name TEXT,
    door TEXT NOT NULL,
    address TEXT,
    correlation_id TEXT,
    times BIGINT,
    name_hash TEXT,
    number BIGINT
);
-- For who follows: what is to be numbered, and what was.
CREATE INDEX events_without_number ON events (id) WHERE number IS NULL;
CREATE UNIQUE INDEX events_by_number ON events (number) WHERE number IS NOT NULL;
-- The last number that an event was given.
CREATE TABLE event_numbers (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    last BIGINT NOT NULL
);
INSERT INTO event_numbers (one, last) VALUES (1, 0);
-- How far each receiver of security events that a configuration declares has come: last is the number of the last event of which everything
-- is in the outbox, or was told. failing_since is when it first took nothing, since it last took something; paused_at is when it was given up
-- for that, until an administrator resumes it.
CREATE TABLE event_receivers (
    name TEXT PRIMARY KEY,
    last BIGINT NOT NULL,
    failing_since BIGINT,
    paused_at BIGINT
);
-- For the pages of an account, and for operators.
CREATE INDEX events_of_user ON events (user_id, id) WHERE user_id IS NOT NULL;
-- For operators.
CREATE INDEX events_of_client ON events (client_id, id) WHERE client_id IS NOT NULL;
CREATE INDEX events_of_grant ON events (grant_id, id) WHERE grant_id IS NOT NULL;
CREATE INDEX events_of_name ON events (name_hash, id) WHERE name_hash IS NOT NULL;
CREATE INDEX failed_sign_ins ON events (id) WHERE kind = 'sign-in-failed';
CREATE INDEX events_of_request ON events (correlation_id) WHERE correlation_id IS NOT NULL;
